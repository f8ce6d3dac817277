"""Images are cropped, shrunk and left out as in Sec. 5.1."""

from dataclasses import replace

import numpy as np
import pytest
from training.datasets.keymap import read_keymap
from training.datasets.preprocess import (
    crop_box,
    prepare,
    Prepared,
    shrink_image,
    visible_masks,
)

KEYS = read_keymap('amodal_coco')
BLANK = np.zeros((64, 64, 3), np.uint8)


def stairs(count, step=4, side=8):
    """Return squares that each overlap the next, bool [count, 64, 64]."""
    masks = np.zeros((count, 64, 64), bool)
    for i in range(count):
        masks[i, i * step:i * step + side, i * step:i * step + side] = True
    return masks


def in_order(count):
    """Return the order of a list from front to back, bool [count, count]."""
    return np.tri(count, count, -1, bool)


@pytest.mark.parametrize('crop, wide, tall', [
    ('none', (0, 0, 30, 20), (0, 0, 20, 30)),
    ('left', (0, 0, 20, 20), (0, 0, 20, 20)),
    ('centre', (5, 0, 20, 20), (0, 5, 20, 20)),
])
def test_crops_are_squares_of_the_short_edge(crop, wide, tall):
    assert crop_box(20, 30, crop) == wide
    assert crop_box(30, 20, crop) == tall


def test_a_pixel_is_the_mean_of_those_it_covers():
    image = np.zeros((128, 128, 3), np.uint8)
    image[::2, ::2] = 200
    assert (shrink_image(image, 64) == 50).all()


def test_objects_come_by_layer_with_what_shows_of_them():
    masks = stairs(3)
    scene = prepare(BLANK, masks[::-1], None, in_order(3).T, KEYS)
    assert isinstance(scene, Prepared)
    assert np.array_equal(scene.masks, masks)
    assert np.array_equal(scene.z, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert scene.visible.sum(axis=(1, 2)).tolist() == [64, 48, 48]


def test_only_objects_that_overlap_occlude():
    scene = prepare(BLANK, stairs(3, step=20), None, in_order(3), KEYS)
    assert not scene.z.any()


def test_what_is_not_in_front_does_not_hide():
    masks = stairs(2)
    assert np.array_equal(visible_masks(masks, np.array([[0, 0], [0, 0]], bool)), masks)


@pytest.mark.parametrize('pixels, kept', [(9, False), (10, True)])
def test_images_with_an_object_that_shows_under_ten_pixels_are_left_out(pixels, kept):
    masks = stairs(2)
    visible = np.zeros_like(masks)
    visible[0] = masks[0]
    visible[1].flat[np.flatnonzero(masks[1])[-pixels:]] = True
    found = prepare(BLANK, masks, visible, in_order(2), KEYS)
    assert isinstance(found, Prepared) if kept else found == (
        'an object that shows less than 10 pixels')


@pytest.mark.parametrize('layers, kept', [(5, True), (6, False)])
def test_images_of_more_layers_are_left_out(layers, kept):
    found = prepare(BLANK, stairs(layers), None, in_order(layers), replace(KEYS, max_layers=5))
    assert isinstance(found, Prepared) if kept else found == 'more than 5 layers'


def test_images_without_objects_are_left_out():
    found = prepare(BLANK, np.zeros((0, 64, 64), bool), None, np.zeros((0, 0), bool), KEYS)
    assert found == 'no object in the image or its crop'
