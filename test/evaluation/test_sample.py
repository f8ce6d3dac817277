"""A picture that is not its masks' size is named, whatever it was read from."""

import numpy as np
import pytest
from seq_amodal_ros.evaluation.sample import DatasetError, Sample


def test_the_picture_is_as_read():
    grey = np.full((4, 6, 3), 128, np.uint8)
    sample = Sample(np.zeros((0, 4, 6), bool), np.zeros(0, np.int64), np.zeros((0, 0), bool),
                    'a.png', lambda: grey)
    assert (sample.picture() == grey).all()


def test_a_picture_of_another_size_is_named():
    sample = Sample(np.ones((1, 6, 4), bool), np.ones(1, np.int64), np.zeros((1, 1), bool), 'a.png',
                    lambda: np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(DatasetError, match=r'a\.png: picture is 6x4, its masks are 4x6'):
        sample.picture()
