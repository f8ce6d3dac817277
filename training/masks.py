"""Masks at another size."""

import cv2
import numpy as np
from seq_amodal_ros.scene import Mask


def shrink_mask(mask: Mask, size: int) -> Mask:
    """
    Return a mask bool [height, width] at [size, size], set where more than half of a pixel is set.

    So masks that share nothing share nothing afterwards.
    """
    full = 200  # even, so that half of it comes out as a whole number, whatever the rounding
    share = cv2.resize(mask.astype(np.uint8) * full, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(share > full // 2, bool)
