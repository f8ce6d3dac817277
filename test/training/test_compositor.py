"""Composed scenes are exact: Eq. 1-3 hold, and Alg. 1's samples end in a blank step."""

import numpy as np
import pytest
from seq_amodal_ros.scene import cumulative_masks, layer_masks, occlusion_layers, occlusion_matrix
import torch
from training.compositor import Compositor, drop_unclear, layers_of, Scenes
from training.cutouts import procedural_cutouts


@pytest.fixture(scope='module')
def source():
    """Return forty drawn objects."""
    return procedural_cutouts(40, torch.Generator().manual_seed(0))


@pytest.fixture(scope='module')
def scenes(source):
    """Return 24 scenes of 1 to 8 objects."""
    return Compositor([source], [1.0], 64, seed=3).scenes(24)


def test_layers_are_those_of_eq_2(scenes):
    for masks, layers in zip(scenes.masks.numpy(), scenes.layers.numpy()):
        there = layers > 0
        assert (masks.any(axis=(1, 2)) == there).all()
        assert (layers[there] == occlusion_layers(occlusion_matrix(masks[there]))).all()


def test_samples_are_alg_1_with_its_blank_step(scenes):
    scene, target, covered = scenes.samples(64)
    for i, (masks, layers) in enumerate(zip(scenes.masks.numpy(), scenes.layers.numpy())):
        there = layers > 0
        layered = layer_masks(masks[there], layers[there])
        blank = np.zeros((1, 64, 64), bool)
        assert (target[scene == i, 0].numpy() == np.concatenate([layered, blank])).all()
        assert (covered[scene == i, 0].numpy() == cumulative_masks(layered)).all()


def test_the_target_of_a_true_cumulative_mask_is_alg_1s(scenes):
    scene, target, covered = scenes.samples(64)
    assert torch.equal(scenes.targets(scene, covered), target)


def test_the_target_of_a_wrong_cumulative_mask_is_what_lies_on_top_of_the_rest():
    masks = torch.zeros(1, 3, 8, 8, dtype=torch.bool)
    masks[0, 0, :4, :4] = True   # lies on the second, which lies on the third
    masks[0, 1, 3:6, :4] = True
    masks[0, 2, 5:8, :4] = True
    scenes = Scenes(torch.zeros(1, 3, 8, 8), masks, layers_of(masks))
    first, second, third = masks[0].float()
    state = torch.stack([second, first, first * 0, second + third])[:, None].clamp(max=1)
    found = scenes.targets(torch.zeros(4, dtype=torch.int64), state)[:, 0]
    # Missed at first and found later; the third is free once the second is covered.
    assert torch.equal(found[0], torch.maximum(first, third))
    assert torch.equal(found[1], second)
    assert torch.equal(found[2], first)
    assert torch.equal(found[3], first)


def test_every_object_shows_enough_to_be_known(scenes):
    for masks in scenes.masks.numpy():
        covered = np.zeros((64, 64), bool)
        for mask in masks:
            assert not mask.any() or (mask & ~covered).sum() >= 10
            covered |= mask


def test_no_object_merely_grazes_another(scenes):
    flat = scenes.masks.flatten(2).float()
    overlaps = flat @ flat.transpose(1, 2)
    assert not ((overlaps > 0) & (overlaps < 10)).any()


def test_dropping_an_object_frees_those_behind_it():
    masks = torch.zeros(1, 3, 8, 8, dtype=torch.bool)
    masks[0, 0, :4] = True   # hides the second wholly
    masks[0, 1, 1:4] = True  # would hide the third
    masks[0, 2, 2:8] = True
    kept, alive = drop_unclear(masks, 10, 10)
    assert alive.tolist() == [[True, False, True]]
    assert layers_of(kept).tolist() == [[1, 0, 2]]


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
