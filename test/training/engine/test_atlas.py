import pytest
import torch
from training.cutouts import Cutouts, SIDE
from training.engine.atlas import Atlas, LEVELS


def cutouts(*pictures):
    rgba = torch.stack(pictures)
    names = tuple(str(i) for i in range(len(rgba)))
    return Cutouts('test', rgba, names, names)


def plain(red, green, blue, alpha):
    return torch.tensor([red, green, blue, alpha], dtype=torch.uint8)[:, None, None].expand(
        4, SIDE, SIDE).clone()


def read(atlas, picture, level, u, v):
    return atlas.read(torch.tensor([picture]), torch.tensor([level]), torch.tensor([0]),
                      torch.tensor([u]), torch.tensor([v]))[:, 0]


@pytest.fixture
def atlas():
    """Return a red picture, a half transparent blue one, and one that is red on its right half."""
    half = plain(255, 0, 0, 255)
    half[:, :, :SIDE // 2] = 0
    return Atlas([cutouts(plain(255, 0, 0, 255), plain(0, 0, 255, 128)), cutouts(half)],
                 torch.device('cpu'))


@pytest.mark.parametrize('level', range(LEVELS))
def test_every_level_shows_the_same_picture(atlas, level):
    assert read(atlas, 0, level, 0.3, -0.6).tolist() == pytest.approx([1, 0, 0, 1])
    assert read(atlas, 2, level, 0.5, 0.0).tolist() == pytest.approx([1, 0, 0, 1])
    assert read(atlas, 2, level, -0.5, 0.0).tolist() == [0, 0, 0, 0]


def test_colours_are_multiplied_by_alpha(atlas):
    assert read(atlas, 1, 0, 0.0, 0.0).tolist() == pytest.approx([0, 0, 128 / 255, 128 / 255])


def test_between_texels_it_is_bilinear_and_no_rim_darkens(atlas):
    edge = read(atlas, 2, 0, 0.0, 0.0)
    assert edge.tolist() == pytest.approx([0.5, 0, 0, 0.5])


@pytest.mark.parametrize('u, v', [(-1.2, 0.0), (1.2, 0.0), (0.0, -1.2), (0.0, 40.0)])
def test_outside_of_the_picture_there_is_nothing(atlas, u, v):
    assert read(atlas, 0, 0, u, v).tolist() == [0, 0, 0, 0]


def test_alpha_alone_is_the_alpha_of_all_four(atlas):
    draw = torch.Generator().manual_seed(0)
    u, v = (torch.rand(100, generator=draw) * 2.4 - 1.2 for _ in range(2))
    picture = torch.randint(0, 3, (20,), generator=draw)
    level = torch.randint(0, LEVELS, (20,), generator=draw)
    item = torch.randint(0, 20, (100,), generator=draw)
    assert torch.equal(atlas.read_alpha(picture, level, item, u, v),
                       atlas.read(picture, level, item, u, v)[3])


def test_small_objects_are_read_from_small_pictures(atlas):
    assert atlas.level_of(torch.tensor([200.0, 100, 50, 25, 12, 3])).tolist() == [0, 0, 1, 2, 3, 3]
