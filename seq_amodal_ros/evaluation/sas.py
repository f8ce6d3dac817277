"""
The second layout: one folder a layer, <image>_<layer>/{image.png,mask.png,newmask.png}.

mask.png is the union of the layer's amodal masks, newmask.png the cumulative mask before it; the
last folder of an image holds a blank mask.png (Alg. 1's step N + 1).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.evaluation.sample import DatasetError, Sample
from seq_amodal_ros.scene import cumulative_masks, occluded_by_layers


def samples(folder: Path, limit: int | None = None) -> Iterator[Sample]:
    """
    Return the samples of a folder: its layer masks, each as one object.

    Raises DatasetError, naming the folder, for a gap in the layers, a missing file, masks of
    different sizes, or a cumulative mask that is not the union of the layers before.
    """
    if not folder.is_dir():
        raise DatasetError(f'{folder}: no such folder')
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(folder.glob('*_*')):
        match = re.fullmatch(r'(.+)_(\d+)', path.name)
        if match and path.is_dir():
            found.setdefault(match[1], {})[int(match[2])] = path
    if not found:
        raise DatasetError(f'{folder}: no folder named <image>_<layer> in it')
    return (_sample(folder / name, found[name]) for name in sorted(found)[:limit])


def write(folder: Path, name: str, image: NDArray[np.uint8], layered: NDArray[np.bool_]) -> None:
    """Write one image and its layer masks, bool [N, height, width], with the blank step N + 1."""
    blank = np.zeros((1, *image.shape[:2]), bool)
    for number, (mask, covered) in enumerate(
            zip(np.concatenate([layered, blank]), cumulative_masks(layered)), start=1):
        target = folder / f'{name}_{number}'
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(target / 'image.png')
        Image.fromarray(mask.astype(np.uint8) * 255).save(target / 'mask.png')
        Image.fromarray(covered.astype(np.uint8) * 255).save(target / 'newmask.png')


def _sample(name: Path, folders: dict[int, Path]) -> Sample:
    numbers = sorted(folders)
    if numbers != list(range(1, len(numbers) + 1)):
        raise DatasetError(f'{name}: layers {numbers} leave a gap; they must count 1, 2, ...')
    shape = load_image(folders[1] / 'image.png').shape[:2]
    masks = np.array([_mask(folders[i] / 'mask.png', shape) for i in numbers])
    given = np.array([_mask(folders[i] / 'newmask.png', shape) for i in numbers])
    if (given != cumulative_masks(masks)[:-1]).any():
        raise DatasetError(f'{name}: a newmask.png is not the union of the layers before it')
    held = masks[masks.any(axis=(1, 2))]
    if not masks[:len(held)].any(axis=(1, 2)).all():
        raise DatasetError(f'{name}: a blank mask.png lies before a layer; only the last is blank')
    picture = folders[1] / 'image.png'
    layers = np.arange(1, len(held) + 1)
    return Sample(held, layers, occluded_by_layers(list(held), layers.tolist()), str(picture),
                  partial(load_image, picture))


def _mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    grey = load_image(path)[..., 0]
    mask = grey >= 128
    if grey.any() and not mask.any():
        raise DatasetError(f'{path}: values up to {grey.max()}; where the layer is it must be 255')
    if mask.shape != shape:
        raise DatasetError(f'{path}: {mask.shape[1]}x{mask.shape[0]}, its image is '
                           f'{shape[1]}x{shape[0]}')
    return mask
