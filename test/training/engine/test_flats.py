"""Flat things: colours that follow their outline."""

import pytest
import torch
from training.engine.flats import card, cut
from training.engine.randomness import SceneRandom
from training.engine.textures import axes

COUNT = 60


def seen(kind):
    """Return a kind's surfaces on a grid that reaches a little beyond its own frame."""
    random = SceneRandom(4, torch.arange(COUNT))
    x, y = (1.05 * axis.expand(COUNT, -1, -1) for axis in axes(96, random))
    return kind(random)(x, y)


@pytest.mark.parametrize('kind', [card, cut])
def test_colours_are_colours(kind):
    surface = seen(kind)
    assert surface.colour.shape == (COUNT, 3, 96, 96)
    assert surface.colour.min() >= 0 and surface.colour.max() <= 1


def test_a_card_has_a_margin_of_bare_paper_and_most_are_printed():
    surface = seen(card)
    printed = 0
    for colour, inside in zip(surface.colour, surface.inside):
        margin = colour[:, (inside > 0) & (inside < 0.07)]
        assert torch.equal(margin.amin(dim=1), margin.amax(dim=1))
        printed += bool((colour[:, inside > 0] != margin[:, :1]).any())
    assert COUNT / 2 < printed < COUNT


def test_the_line_around_a_card_is_darkest_at_its_rim():
    surface = seen(card)
    rim = surface.gain.where(surface.inside.abs() < 0.01, 1.0).flatten(1).amin(dim=1)
    middle = surface.gain.where(surface.inside > 0.1, 1.0).flatten(1).amin(dim=1)
    assert (middle == 1).all()
    assert (rim < 0.9).float().mean() > 0.5


def test_half_of_the_cuts_are_wedges():
    surface = seen(cut)
    there = surface.inside > 0  # a whole one is its own mirror image
    wedge = (there != there.flip(1)).flatten(1).any(1) | (there != there.flip(2)).flatten(1).any(1)
    assert 0.3 < wedge.float().mean() < 0.7
