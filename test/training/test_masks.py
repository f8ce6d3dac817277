"""Masks at another size keep their share and what they do not share."""

import numpy as np
import pytest
from training.masks import shrink_mask


@pytest.mark.parametrize('rows, is_set', [(1, False), (2, False), (3, True)])
def test_a_pixel_of_a_mask_is_set_if_more_than_half_of_it_is(rows, is_set):
    mask = np.zeros((256, 256), bool)
    mask[:rows, :4] = True
    assert shrink_mask(mask, 64)[0, 0] == is_set
    assert np.count_nonzero(shrink_mask(mask, 64)) == is_set


@pytest.mark.parametrize('edge', range(100, 112))
def test_neighbours_do_not_come_to_overlap(edge):
    left, right = np.zeros((2, 256, 256), bool)
    left[:, :edge], right[:, edge:] = True, True
    assert not (shrink_mask(left, 64) & shrink_mask(right, 64)).any()


def test_sizes_that_do_not_divide_keep_their_share():
    mask = np.zeros((100, 150), bool)
    mask[:50, :75] = True
    assert np.count_nonzero(shrink_mask(mask, 64)) == 32 * 32


def test_rows_stay_rows():
    mask = np.zeros((100, 150), bool)
    mask[:25] = True
    assert np.array_equal(np.flatnonzero(shrink_mask(mask, 64).all(axis=1)), range(16))
