"""Masks <-> PackedMask: cropped to their region, one bit a pixel."""

from typing import Any

import numpy as np
from seq_amodal_ros.bridge.messages import byte_array, generated
from seq_amodal_ros.scene import bounding_box, Box, Mask, MaskError, MAX_PIXELS


def check_pixels(height: int, width: int) -> None:
    """Raise MaskError for an image of no or more than MAX_PIXELS pixels."""
    if not 0 < height * width <= MAX_PIXELS:
        raise MaskError(f'height x width is {height} x {width}: must be 1 to {MAX_PIXELS} pixels')


def pack(mask: Mask) -> Any:
    """Return a bool mask [height, width] as PackedMask; an empty mask has an empty region."""
    box = bounding_box(mask)
    return generated().PackedMask(
        x=box.x, y=box.y, width=box.width, height=box.height,
        data=byte_array(np.packbits(mask[box.slices], axis=1).tobytes()))


def unpack(message: Any, height: int, width: int) -> Mask:
    """
    Return a PackedMask as bool mask [height, width]; the exact inverse of `pack`.

    Raises MaskError, naming the field, before any memory is touched: for an image of no or more
    than MAX_PIXELS pixels, a region outside the image, or data of another length than the region's.
    """
    check_pixels(height, width)
    mask = np.zeros((height, width), bool)
    unpack_into(mask, message)
    return mask


def unpack_into(mask: Mask, message: Any) -> None:
    """
    Set a blank mask [height, width] to a PackedMask; beyond its region nothing is touched.

    Raises MaskError as `unpack`, with the mask as it was.
    """
    height, width = mask.shape
    box = Box(message.x, message.y, message.width, message.height)
    if box.x + box.width > width or box.y + box.height > height:
        raise MaskError(f'region of {box.width}x{box.height} at ({box.x}, {box.y}) reaches beyond '
                        f'the image of {width}x{height}')
    row = (box.width + 7) // 8
    if len(message.data) != box.height * row:
        raise MaskError(f'data holds {len(message.data)} bytes, a region of '
                        f'{box.width}x{box.height} needs {box.height * row}')
    if box.width and box.height:
        rows = np.frombuffer(message.data, np.uint8).reshape(box.height, row)
        mask[box.slices] = np.unpackbits(rows, axis=1, count=box.width)
