"""Depth and masks give who occludes whom, who is too little seen, and the layers."""

import numpy as np
from training.meshes.truth import clear_objects, occlusion_by_depth


def stack(*columns, width=12):
    """Return masks and depths of bars (first, last column, depth), 4 pixels high."""
    masks = np.zeros((len(columns), 4, width), bool)
    depth = np.full(masks.shape, np.inf)
    for i, (first, last, distance) in enumerate(columns):
        masks[i, :, first:last] = True
        depth[i, :, first:last] = distance
    return masks, depth


def test_the_nearer_occludes_where_they_overlap_enough():
    masks, depth = stack((0, 5, 2.0), (4, 9, 1.0), (8, 12, 3.0))
    assert np.argwhere(occlusion_by_depth(masks, depth, 4)).tolist() == [[0, 1], [2, 1]]
    assert not occlusion_by_depth(masks, depth, 5).any()


def test_most_of_the_overlap_decides():
    masks, depth = stack((0, 6, 2.0), (2, 8, 1.0))
    depth[1, :, 2] = 3.0
    assert np.argwhere(occlusion_by_depth(masks, depth, 1)).tolist() == [[0, 1]]


def test_what_hides_goes_before_what_it_hid():
    masks, depth = stack((0, 4, 3.0), (0, 3, 2.0), (0, 4, 1.0))
    assert clear_objects(masks, depth, 4) == [2]
    masks[2, :, 0] = False
    depth[2, :, 0] = np.inf
    assert clear_objects(masks, depth, 4) == [1, 2]
    assert clear_objects(masks[:0], depth[:0], 4) == []
