"""What an experiment tests on: images and layer masks on the network's grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.sample import DatasetError
from training.datasets.preprocess import shrink_image
from training.masks import shrink_mask


@dataclass(frozen=True)
class TestImage:
    """
    One image of the test set.

    image   uint8 RGB [S, S, 3]
    masks   amodal masks of its objects, bool [N, S, S]
    layers  int64 [N], counted from 1
    """

    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    layers: NDArray[np.int64]

    def layer(self, number: int) -> NDArray[np.bool_]:
        """Return a layer's mask, bool [S, S]; blank where there is none."""
        return self.masks[self.layers == number].any(axis=0)


def read_test(path: Path, size: int, limit: int) -> Sequence[TestImage]:
    """
    Return the first images of an amodal COCO file, scaled to `size`.

    A pixel of a mask is set if more than half of it is. Raises DatasetError, naming the file, if
    it holds none.
    """
    found = []
    for sample in islice(samples(path), limit):
        masks = [shrink_mask(mask, size) for mask in sample.masks]
        found.append(TestImage(shrink_image(sample.picture(), size),
                               np.array(masks, bool).reshape(-1, size, size), sample.layers))
    if not found:
        raise DatasetError(f'{path}: the split is empty, nothing to test on')
    return found
