"""Composed scenes show what their masks say; their truth is tested with engine.scenes."""

import pytest
import torch
from training.compositor import Compositor
from training.cutouts import procedural_cutouts


@pytest.fixture(scope='module')
def source():
    """Return forty drawn objects."""
    return procedural_cutouts(40, torch.Generator().manual_seed(0))


def test_images_show_what_the_masks_say(source):
    # The same scene without its objects differs from it only where an object or its shadow is.
    compositor = Compositor([source], [1.0], 64, objects=(1, 1), seed=5)
    scenes = compositor.scenes(8)
    assert scenes.image.min() >= 0 and scenes.image.max() <= 1
    for image, mask in zip(scenes.image, scenes.masks[:, 0]):
        inside, outside = image[:, mask], image[:, ~mask]
        assert (inside.mean(1) - outside.mean(1)).abs().max() > 0.01


def test_equal_seeds_give_equal_scenes(source):
    first, second = (Compositor([source], [1.0], 64, seed=7).scenes(4) for _ in range(2))
    assert torch.equal(first.image, second.image)
    assert torch.equal(first.masks, second.masks)


@pytest.mark.parametrize('weights, objects, reason', [
    ([], (1, 8), 'do not go with weights'), ([1.0], (0, 8), 'fewest, most'),
    ([1.0], (5, 2), 'fewest, most')])
def test_impossible_settings_are_named(source, weights, objects, reason):
    with pytest.raises(ValueError, match=reason):
        Compositor([source], weights, 64, objects)
