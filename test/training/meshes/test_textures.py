"""Textures are colours, belong to the place in the object, and are drawn by seed."""

import numpy as np
from training.meshes.textures import KINDS, random_texture

POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (200, 3))


def drawn(seed):
    """Return the texture of a seed."""
    return random_texture(np.random.default_rng(seed), 1.0)


def test_every_kind_gives_colours():
    textures = [drawn(seed) for seed in range(60)]
    assert {texture.kind for texture in textures} == set(KINDS)
    for texture in textures:
        colours = texture.colours(POINTS)
        assert colours.shape == (200, 3)
        assert colours.min() >= 0 and colours.max() <= 1
        assert len(np.unique(colours, axis=0)) > 1


def test_equal_seeds_draw_equal_textures():
    assert np.array_equal(drawn(1).colours(POINTS), drawn(1).colours(POINTS))
    assert not np.allclose(drawn(1).colours(POINTS), drawn(2).colours(POINTS))


def test_a_place_has_its_colour_whatever_is_asked_beside_it():
    assert np.allclose(drawn(3).colours(POINTS)[:5], drawn(3).colours(POINTS[:5]))
