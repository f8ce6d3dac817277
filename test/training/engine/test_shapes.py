"""Drawn objects are whole, lie within their frame, and look different from each other."""

import cv2
import numpy as np
import pytest
import torch
from training.cutouts import SIDE
from training.engine.shapes import KINDS, procedural_cutouts

WITH_HOLE = ('ring', 'handle')
SOMETIMES_WITH_HOLE = ('tool',)


def drawn(count, seed=0, kinds=KINDS):
    """Draw cutouts of a seed."""
    return procedural_cutouts(count, seed, kinds)


@pytest.fixture(scope='module', params=KINDS)
def kind_and_alpha(request):
    """Return a kind and the alpha of 40 cutouts of it, uint8 [40, SIDE, SIDE]."""
    return request.param, drawn(40, 3, [request.param]).rgba[:, 3].numpy()


def parts(mask):
    """Return how many connected parts a mask has."""
    return cv2.connectedComponents(mask.astype(np.uint8))[0] - 1


def holes(mask):
    """Return how many holes a mask has: parts of its background, which corners do not connect."""
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    return cv2.connectedComponents(outside, connectivity=4)[0] - 2


def test_every_object_is_in_one_piece(kind_and_alpha):
    _, alpha = kind_and_alpha
    assert [parts(mask) for mask in alpha >= 128] == [1] * len(alpha)


def test_only_some_kinds_have_a_hole(kind_and_alpha):
    kind, alpha = kind_and_alpha
    found = {holes(mask) for mask in alpha >= 128}
    if kind in WITH_HOLE:
        assert found == {1}
    elif kind in SOMETIMES_WITH_HOLE:
        assert found == {0, 1}
    else:
        assert found == {0}


def test_objects_fill_their_frame_and_are_not_cut_off_by_it(kind_and_alpha):
    _, alpha = kind_and_alpha
    border = np.concatenate([alpha[:, [0, -1]], alpha[:, :, [0, -1]].swapaxes(1, 2)], axis=1)
    assert not border.any()
    across, down = (alpha >= 128).any(axis=1).sum(axis=1), (alpha >= 128).any(axis=2).sum(axis=1)
    longest = np.maximum(across, down) / SIDE
    assert longest.min() >= 0.85 and longest.max() <= 0.98
    share = (alpha >= 128).mean(axis=(1, 2))
    assert share.min() > 0.04 and share.max() < 0.95


def test_rims_are_soft_and_thin(kind_and_alpha):
    _, alpha = kind_and_alpha
    soft = ((alpha > 0) & (alpha < 255)).mean(axis=(1, 2))
    assert soft.min() > 0.005 and soft.max() < 0.12


def test_cutouts_are_named_by_kind_and_differ():
    cutouts = drawn(60)
    assert cutouts.name == 'procedural'
    assert cutouts.rgba.dtype == torch.uint8 and cutouts.rgba.shape == (60, 4, SIDE, SIDE)
    assert cutouts.classes == cutouts.varieties and len(set(cutouts.classes)) == 60
    assert {name.split()[0] for name in cutouts.classes} == set(KINDS)
    assert len({picture.numpy().tobytes() for picture in cutouts.rgba}) == 60


def test_equal_seeds_draw_equal_objects():
    assert torch.equal(drawn(9, 1).rgba, drawn(9, 1).rgba)
    assert not torch.equal(drawn(9, 1).rgba, drawn(9, 2).rgba)


def test_all_kinds_are_drawn_unless_some_are_asked_for():
    assert torch.equal(drawn(5, 4, ()).rgba, drawn(5, 4).rgba)
    assert all(name.startswith('box') for name in drawn(5, 4, ['box']).classes)


def test_round_objects_are_shaded():
    # A can's side is darker towards its edges than in its lit part.
    rows = drawn(30, 5, ['cylinder']).rgba[:, :, 60:70].float().mean(dim=2)
    brightness = rows[:, :3].mean(dim=1) / 255
    brightness[rows[:, 3] < 250] = torch.nan
    spread = brightness.nan_to_num(0).amax(dim=1) - brightness.nan_to_num(1).amin(dim=1)
    assert spread.min() > 0 and spread.median() > 0.1


@pytest.mark.parametrize('count, kinds, reason', [
    (3, ['ring', 'teapot'], r'no such kind of shape: teapot; there are polygon, .*cylinder'),
    (0, KINDS, 'at least one cutout must be drawn, got 0')])
def test_impossible_wishes_are_named(count, kinds, reason):
    with pytest.raises(ValueError, match=reason):
        drawn(count, 0, kinds)
