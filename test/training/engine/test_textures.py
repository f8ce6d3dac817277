"""Materials are colours in range, vary from one to the next, and follow their seed."""

import pytest
import torch
from training.engine.randomness import SceneRandom
from training.engine.textures import (
    blended,
    by_kind,
    highlights,
    noise,
    patterns,
    per_cell,
    roughness,
    shading,
    tones,
)


def seeded(count, seed=0):
    """Return draws for so many, of that seed."""
    return SceneRandom(seed, torch.arange(count))


@pytest.mark.parametrize('count, side', [(1, 16), (7, 33), (64, 100)])
def test_patterns_are_pictures_in_range(count, side):
    pictures = patterns(side, seeded(count))
    assert pictures.shape == (count, 3, side, side) and pictures.dtype == torch.float32
    assert pictures.min() >= 0 and pictures.max() <= 1


def test_patterns_vary_from_plain_to_busy():
    spread = patterns(48, seeded(64)).std(dim=(2, 3)).amax(dim=1)
    assert spread.min() < 0.02 and spread.max() > 0.2


def test_equal_seeds_give_equal_patterns():
    assert torch.equal(patterns(24, seeded(12, 1)), patterns(24, seeded(12, 1)))
    assert not torch.equal(patterns(24, seeded(12, 1)), patterns(24, seeded(12, 2)))


def test_each_drawer_draws_its_own_in_the_order_asked():
    def constant(value):
        return lambda side, random: torch.full((random.batch, side), float(value))
    kind = torch.tensor([2, 0, 2, 0])  # none of kind 1
    found = by_kind(kind, [constant(0), constant(1), constant(2)], 3, seeded(len(kind)))
    assert torch.equal(found, kind[:, None].expand(-1, 3).float())


def test_mixes_run_from_the_first_tone_over_the_second_to_the_third():
    colours = tones(seeded(1))
    mix = torch.tensor([[[-1.0, 0, 1, 2, 3, 0.5]]])
    found = blended(colours, mix)[0, :, 0].T
    first, second, third = colours[0]
    expected = torch.stack([first, first, second, third, third, (first + second) / 2])
    assert torch.allclose(found, expected, atol=1e-6)


def test_the_third_tone_is_in_contrast_to_the_first():
    colours = tones(seeded(200)).mean(dim=2)
    assert ((colours[:, 2] - colours[:, 0]).abs() > 0.1).float().mean() > 0.9


def test_few_tones_are_strong_unless_asked_for():
    def strong(saturated):
        colours = tones(seeded(400), saturated)[:, 0]
        return ((colours.amax(dim=1) - colours.amin(dim=1)) > 0.5).float().mean()
    assert strong(0.0) < 0.1 < strong(1.0)


def test_light_is_a_gain_around_1_and_gloss_adds():
    assert (shading(20, seeded(50)).mean(dim=(1, 2, 3)) - 1).abs().max() < 0.01
    gloss = highlights(20, seeded(50)).amax(dim=(1, 2, 3))
    assert gloss.min() == 0 and 0.1 < gloss.max() <= 0.6


def test_noise_is_smooth():
    height = noise(64, (4, 4), seeded(4))
    assert (height[:, 1:] - height[:, :-1]).abs().max() < 0.25 * height.abs().max()


def test_roughness_is_finer_than_the_pictures_of_objects():
    fields = roughness(64, seeded(4))
    assert fields.shape == (4, 3, 64, 64)
    assert fields.abs().max() <= 1
    assert (fields[:, 0, :, 1:] - fields[:, 0, :, :-1]).abs().mean() > 0.1


def test_a_cell_has_one_number():
    place = torch.tensor([[[0.1, 0.9, 1.1, -0.2, 32.5]]])
    numbers = per_cell(place, place * 0, seeded(len(place)))[0, 0].tolist()
    first, same, *others, period_later = numbers
    assert first == same == period_later
    assert len({first, *others}) == 3
