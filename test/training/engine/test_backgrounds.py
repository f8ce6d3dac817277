"""Backgrounds are pictures in range, of the kinds asked for, and follow their seed."""

import pytest
import torch
from training.engine.backgrounds import backgrounds, KINDS
from training.engine.randomness import SceneRandom


def seeded(count, seed=0):
    """Return draws for so many, of that seed."""
    return SceneRandom(seed, torch.arange(count))


@pytest.mark.parametrize('batch, side', [(1, 64), (5, 50), (16, 128)])
def test_backgrounds_are_pictures_in_range(batch, side):
    pictures = backgrounds(side, seeded(batch))
    assert pictures.shape == (batch, 3, side, side) and pictures.dtype == torch.float32
    assert pictures.min() >= 0 and pictures.max() <= 1


@pytest.mark.parametrize('kind', KINDS)
def test_each_kind_is_drawn_alone_and_varies(kind):
    pictures = backgrounds(64, seeded(12), {kind: 1})
    assert pictures.isfinite().all()
    means = pictures.mean(dim=(2, 3))
    assert len({tuple(mean.tolist()) for mean in means}) == 12
    assert means.std(dim=0).max() > 0.05


def test_equal_seeds_give_equal_backgrounds():
    assert torch.equal(backgrounds(32, seeded(8, 1)), backgrounds(32, seeded(8, 1)))
    assert not torch.equal(backgrounds(32, seeded(8, 1)), backgrounds(32, seeded(8, 2)))


def test_all_kinds_are_drawn_where_no_weights_are_given():
    assert torch.equal(backgrounds(32, seeded(8), {}), backgrounds(32, seeded(8)))


def test_tables_are_calmer_than_tiles():
    def detail(kind):
        pictures = backgrounds(64, seeded(24), {kind: 1})
        return (pictures[..., 1:] - pictures[..., :-1]).abs().mean()
    assert 3 * detail('table') < detail('tiles')


def test_photographs_are_cropped_and_resized():
    # Each is red rising rightwards and green rising downwards, of its own blue.
    ramp = torch.arange(200, dtype=torch.uint8)
    photographs = torch.stack([
        torch.stack([ramp.expand(150, -1), ramp[:150, None].expand(-1, 200),
                     torch.full((150, 200), blue, dtype=torch.uint8)]) for blue in (60, 180)])
    crops = backgrounds(64, seeded(20), {'photograph': 1}, photographs)
    assert crops.shape == (20, 3, 64, 64)
    red, green, blue = (crops / crops.mean(dim=(1, 2, 3), keepdim=True)).unbind(1)
    slope = red[..., 40:].mean(dim=(1, 2)) - red[..., :24].mean(dim=(1, 2))
    assert (slope > 0).any() and (slope < 0).any()  # some are mirrored
    assert (green[:, 40:].mean(dim=(1, 2)) > green[:, :24].mean(dim=(1, 2))).float().mean() > 0.8
    assert blue.mean(dim=(1, 2)).std() > 0.2


def test_photographs_join_the_other_kinds():
    white = torch.full((1, 3, 40, 40), 255, dtype=torch.uint8)
    pictures = backgrounds(16, seeded(60), None, white)
    whites = (pictures.amin(dim=(1, 2, 3)) > 0.5) & (pictures.amax(dim=(1, 2, 3)) == 1)
    assert 1 <= whites.sum() <= 20


@pytest.mark.parametrize('weights, photographs, reason', [
    ({'lawn': 1}, None, r'no such kind of background: lawn; there are table, .*bin'),
    ({'photograph': 1}, None, 'no such kind of background: photograph'),
    ({'table': 0}, None, 'one above 0'),
    ({'table': 2, 'bin': -1}, None, '0 or above'),
    (None, torch.zeros(1, 3, 8, 8), r'photographs must be uint8 \[n, 3, h, w\], got torch.float32'),
    (None, torch.zeros(8, 8, 3, dtype=torch.uint8), r'photographs must be uint8')])
def test_impossible_wishes_are_named(weights, photographs, reason):
    with pytest.raises(ValueError, match=reason):
        backgrounds(16, seeded(2), weights, photographs)
