"""The reliability diagram shows each bin where it is, beside the diagonal."""

import numpy as np
import pytest
from seq_amodal_ros.evaluation.reliability import draw_reliability, MARGIN, SIDE


def blue(canvas):
    """Return rows and columns of the dots' pixels in the unit square, y upwards."""
    rows, columns = np.nonzero(np.ptp(canvas.astype(int), axis=2) > 60)
    return 1 - (rows - MARGIN) / SIDE, (columns - MARGIN) / SIDE


def test_a_calibrated_bin_lies_on_the_diagonal():
    true, said = blue(draw_reliability([{'said': 0.7, 'true': 0.7, 'pixels': 9}], 0.0))
    assert abs(true.mean() - 0.7) < 0.01
    assert abs(said.mean() - 0.7) < 0.01


def test_a_bin_that_says_too_much_hangs_below_it():
    true, said = blue(draw_reliability([{'said': 0.9, 'true': 0.5, 'pixels': 9}], 0.4))
    assert true.min() < 0.5
    assert true.max() > 0.88  # the bar reaches the diagonal
    assert abs(said.mean() - 0.9) < 0.01


def test_without_any_hidden_pixel_the_diagram_is_empty():
    assert not blue(draw_reliability([], 0.0))[0].size


def test_a_dots_area_is_its_share_of_the_pixels():
    few, many = ({'said': x, 'true': x, 'pixels': n} for x, n in ((0.2, 1), (0.8, 4)))
    _, said = blue(draw_reliability([few, many], 0.0))
    assert (said > 0.5).sum() / (said < 0.5).sum() == pytest.approx(4, rel=0.2)
