"""Preprocessing as in the paper (Sec. 5.1): crop, shrink, and leave out what nobody could tell."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.scene import Box, occlusion_layers, occlusion_matrix
from training.datasets.keymap import KeyMap

Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Prepared:
    """
    One image as it is written; its N objects lie by layer.

    image    uint8 RGB [size, size, 3]
    masks    amodal masks, bool [N, size, size]
    visible  visible masks, bool [N, size, size], within the amodal ones
    z        bool [N, N], z[i, j]: i is occluded by j (Eq. 1)
    """

    image: NDArray[np.uint8]
    masks: Masks
    visible: Masks
    z: Masks


def crop_box(height: int, width: int, crop: str) -> Box:
    """Return what to keep: all (none), or the square at the left (of tall ones: top) or centre."""
    if crop == 'none':
        return Box(0, 0, width, height)
    side = min(height, width)
    share = {'left': 0, 'centre': 1}[crop]
    return Box(share * (width - side) // 2, share * (height - side) // 2, side, side)


def shrink_image(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return an image uint8 [height, width, 3] at [size, size, 3], each pixel a mean."""
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def overlapping(masks: Masks) -> Masks:
    """Return which two of the masks bool [N, size, size] share a pixel, bool [N, N]."""
    below = occlusion_matrix(masks)
    return below | below.T


def visible_masks(masks: Masks, z: Masks) -> Masks:
    """Return the amodal masks bool [N, size, size] less those that occlude them (Eq. 1)."""
    return np.array([mask & ~masks[row].any(axis=0) for mask, row in zip(masks, z)], bool)


def prepare(image: NDArray[np.uint8], masks: Masks, visible: Masks | None, front: Masks,
            keys: KeyMap) -> Prepared | str:
    """
    Return an image with its truth, or in words why it is left out (Sec. 5.1).

    image uint8 [size, size, 3]; masks bool [N, size, size]; visible the same, or None to derive
    them; front bool [N, N], front[i, j]: j is in front of i, free of cycles. Layers are Eq. 2's.
    """
    if not len(masks):
        return 'no object in the image or its crop'
    z = front & overlapping(masks)
    shown = visible_masks(masks, z) if visible is None else visible & masks
    if np.count_nonzero(shown, axis=(1, 2)).min() < keys.min_visible:
        return f'an object that shows less than {keys.min_visible} pixels'
    layers = occlusion_layers(z)
    if layers.max() > keys.max_layers:
        return f'more than {keys.max_layers} layers'
    order = np.argsort(layers, kind='stable')
    return Prepared(image, masks[order], shown[order], z[np.ix_(order, order)])
