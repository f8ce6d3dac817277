"""Pictures read from files."""

from pathlib import Path
import struct
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from seq_amodal_ros.evaluation.sample import DatasetError
from seq_amodal_ros.scene import MAX_PIXELS


def load_image(path: Path) -> NDArray[np.uint8]:
    """
    Return a picture as uint8 RGB [height, width, 3], upright, 16 bits scaled to 8.

    Raises DatasetError, naming it, for what is no picture, and for one of numbers without a range.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            picture = Image.open(path)
            if picture.width * picture.height > MAX_PIXELS:
                raise DatasetError(f'{path}: {picture.width}x{picture.height} is more than '
                                   f'{MAX_PIXELS} pixels')
            return _rgb(path, ImageOps.exif_transpose(picture))
    except DatasetError:
        raise
    # What Pillow raises for broken files and their descriptions; ValueError for huge ones as well.
    except (OSError, SyntaxError, ValueError, TypeError, struct.error,
            Image.DecompressionBombError) as error:
        raise DatasetError(f'{path}: not a readable picture ({error})') from error


def _rgb(path: Path, picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode[0] not in 'IF':
        return np.array(picture.convert('RGB'))
    grey = np.asarray(picture)
    if picture.mode[0] == 'F' or grey.min() < 0 or grey.max() > 65535:
        raise DatasetError(f'{path}: numbers of {grey.min()} to {grey.max()}, which say nothing of '
                           'black and white; save it with 8 or 16 bits')
    return np.repeat((grey / 257).round().astype(np.uint8)[..., None], 3, axis=2)
