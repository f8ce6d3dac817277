"""Masks of COCO annotations: RLE, compressed or not, and polygons, read with care."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from seq_amodal_ros.evaluation.sample import DatasetError


def read_mask(given: Any, height: int, width: int, name: str, key: str) -> NDArray[np.bool_]:
    """
    Return a mask bool [height, width] that is given as RLE or polygons under `key`.

    Raises DatasetError, with `name` (file and annotation) and `key`, for anything else, for RLE of
    another size, and for a point more than a pixel outside of the image.
    """
    try:
        if isinstance(given, list):
            polygons = _polygons(given)
            _check_range(polygons, height, width, f'{name}: {key}')
            rle = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        else:
            size, counts = list(given['size']), given['counts']
            if size != [height, width]:
                raise DatasetError(f'{name}: {key}: mask is {size[1]}x{size[0]}, the image is '
                                   f'{width}x{height}')
            counts = counts if isinstance(counts, list) else counts.encode('ascii')
            total = _span(counts)
            if total != height * width:
                raise DatasetError(f'{name}: {key}: RLE of {total} pixels, the image has '
                                   f'{height * width}')
            rle = (coco_mask.frPyObjects({'size': size, 'counts': counts}, height, width)
                   if isinstance(counts, list) else {'size': size, 'counts': counts})
        return coco_mask.decode(rle).astype(bool)
    except DatasetError:
        raise
    except (TypeError, LookupError, ValueError, AttributeError, OverflowError) as error:
        raise DatasetError(f'{name}: {key} is neither RLE nor polygons ({error})') from error


def rle_of(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a mask, bool [height, width], as compressed RLE."""
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': rle['size'], 'counts': rle['counts'].decode('ascii')}


def _span(counts: list | bytes) -> int:
    """
    Return how many pixels an RLE spans; raises ValueError for a run of negative length.

    pycocotools does not ask, and hands out memory as it finds it where a run is missing.
    Compressed, a run is a number of base 32, the lowest digit first, 48 added to each and 32 to
    all but the last; from the fourth run on, it is the difference to the run before the last.
    """
    if isinstance(counts, list):
        if not all(type(run) is int and run >= 0 for run in counts):
            raise ValueError('counts must be whole numbers from 0 up')
        return sum(counts)
    digits = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(digits < 32)
    if not len(ends) or ends[-1] != len(digits) - 1 or digits.min() < 0 or digits.max() > 63:
        raise ValueError('counts are cut off or hold other characters')
    starts = np.concatenate([[0], ends[:-1] + 1])
    if (ends - starts).max() > 7:
        raise ValueError('counts hold a number that is too large')
    place = 5 * (np.arange(len(digits)) - np.repeat(starts, ends - starts + 1))
    runs = np.add.reduceat((digits & 31) << place, starts)
    runs -= np.where(digits[ends] & 16, 32 << place[ends], 0)  # the sign
    runs[1::2], runs[2::2] = np.cumsum(runs[1::2]), np.cumsum(runs[2::2])
    if runs.min() < 0:
        raise ValueError('counts hold a negative run')
    return int(runs.sum())


def _check_range(polygons: list[list[float]], height: int, width: int, name: str) -> None:
    for polygon in polygons:
        for x, y in zip(polygon[::2], polygon[1::2]):
            if not (-1 <= x <= width + 1 and -1 <= y <= height + 1):
                raise DatasetError(f'{name}: point ({x:g}, {y:g}) lies outside of the image, '
                                   f'which is {width}x{height}')


def _polygons(given: list) -> list[list[float]]:
    polygons = [[float(value) for value in polygon] for polygon in given]
    if not polygons or not all(len(p) >= 6 and len(p) % 2 == 0 and np.isfinite(p).all()
                               for p in polygons):
        raise ValueError('polygons need three or more points of finite numbers')
    return polygons
