import pytest
import torch
from training.engine.painting import paint, painted
from training.engine.warps import Pixels


def test_painting_covers_darkens_and_leaves_alone():
    canvas = torch.full((3, 4), 0.8)
    red = torch.tensor([[1.0, 0], [0, 0], [0, 0], [1, 0]])
    paint(canvas, torch.tensor([0, 1]), red, torch.tensor([0.5, 0.5]))
    assert canvas[:, 0].tolist() == [1, 0, 0]           # covered
    assert canvas[:, 1].tolist() == pytest.approx([0.4] * 3)  # in the shadow
    assert canvas[:, 2].tolist() == pytest.approx([0.8] * 3)  # neither


def test_the_foremost_object_is_painted_last():
    def points(*item):
        return Pixels(torch.tensor(item), torch.zeros(2, dtype=torch.int64), torch.zeros(2),
                      torch.zeros(2))
    colours = torch.tensor([[1.0, 0], [0, 1], [0, 0], [1, 1]])  # red in front, green behind
    image = painted(torch.zeros(1, 3, 2, 2), points(0, 1), colours, torch.zeros(2), 3)
    assert image[0, :, 0, 0].tolist() == [1, 0, 0]
    assert image[0, :, 1:].abs().sum() == 0
