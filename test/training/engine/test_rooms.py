"""Rooms show a table below, and beyond its edge things that are sharp or not, never on it."""

import torch
from training.engine.backgrounds import backgrounds
from training.engine.randomness import SceneRandom
from training.engine.rooms import room


def plain(shade):
    """Return a surface of one shade of grey."""
    def draw(side, random):
        return torch.full((random.batch, 3, side, side), shade)
    return draw


def seeded(count, seed=0):
    """Return draws for so many, of that seed."""
    return SceneRandom(seed, torch.arange(count))


def test_the_lower_middle_is_table_and_nothing_lies_on_it():
    pictures = room([plain(1.0)])(64, seeded(40))
    middle = pictures[:, :, 36:48, 26:38].flatten(1)
    darkest, lightest = middle.amin(dim=1), middle.amax(dim=1)
    assert (lightest <= 1).all() and ((lightest - darkest) < 0.2).float().mean() > 0.9


def test_things_are_seen_beyond_the_table():
    pictures = room([plain(1.0)])(64, seeded(40))
    detail = (pictures[..., 1:] - pictures[..., :-1]).abs().mean(dim=(1, 3))
    above, below = detail[:, :16].mean(), detail[:, 36:48].mean()
    assert above > 3 * below


def test_table_and_room_are_of_surfaces_of_their_own():
    pictures = room([plain(0.0), plain(1.0)])(32, seeded(60))
    table = pictures[:, 0, 22, 16] > 0.5
    assert 0.3 < table.float().mean() < 0.7


def test_no_fixed_test_set_gets_rooms_by_default():
    with_rooms = backgrounds(32, seeded(12), {'room': 1})
    assert not torch.equal(with_rooms, backgrounds(32, seeded(12)))
    kinds = ['table', 'gradient', 'noise', 'planks', 'tiles', 'fabric', 'bin']
    named = backgrounds(32, seeded(12), dict.fromkeys(kinds, 1.0))
    assert torch.equal(named, backgrounds(32, seeded(12)))
