"""What every data set is read as, whatever its layout: pictures, each with its truth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class DatasetError(ValueError):
    """A data set or picture that cannot be used; the message names file and place."""


@dataclass(frozen=True)
class Truth:
    """
    What there is to see in an image.

    masks     amodal masks, bool [N, height, width]
    layers    occlusion layers, int64 [N], counted from 1
    occluded  Z of Eq. 1, bool [N, N]: Z[i, j] if object i is occluded by j
    """

    masks: NDArray[np.bool_]
    layers: NDArray[np.int64]
    occluded: NDArray[np.bool_]


@dataclass(frozen=True)
class Sample(Truth):
    """
    One image and its truth.

    name    of the picture, for people: its path, or its place in a bag
    read    returns the picture, uint8 RGB [height, width, 3]; raises DatasetError, naming it
    """

    name: str
    read: Callable[[], NDArray[np.uint8]]

    def picture(self) -> NDArray[np.uint8]:
        """Return the picture, uint8 RGB [height, width, 3]; raises DatasetError as `read` does."""
        picture, (height, width) = self.read(), self.masks.shape[1:]
        if picture.shape[:2] != (height, width):
            raise DatasetError(f'{self.name}: picture is {picture.shape[1]}x{picture.shape[0]}, '
                               f'its masks are {width}x{height}')
        return picture
