"""
Cutouts: pictures of single objects with transparency, read from .npz files.

An .npz file of cutouts holds `rgba` uint8 [n, height, width, 4], `label` int [n], `class_names`
str [classes] and, optionally, `variety` str [n]: a finer name within the class.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from training.arrays import ArraysError, read_arrays

SIDE = 100
PART = 512  # pictures that are scaled at a time
LEAST = 25  # solid pixels: of fewer nobody sees 10 at 64 x 64, even where they fill the image


class CutoutError(ValueError):
    """A file of cutouts that cannot be used; the message names it and what is wrong."""


@dataclass(frozen=True)
class Cutouts:
    """Pictures uint8 [n, 4, SIDE, SIDE] (RGBA) with the name of their class and variety."""

    name: str
    rgba: Tensor
    classes: tuple[str, ...]
    varieties: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.rgba)

    def sorted(self) -> 'Cutouts':  # noqa: A003
        """Return the same pictures with those of one class, and of one variety, side by side."""
        return self.select(sorted(range(len(self)),
                                  key=lambda i: (self.classes[i], self.varieties[i])))

    def select(self, chosen: list[int]) -> 'Cutouts':
        """Return only the pictures of those indices."""
        return Cutouts(self.name, self.rgba[chosen], tuple(self.classes[i] for i in chosen),
                       tuple(self.varieties[i] for i in chosen))


def read_cutouts(path: Path) -> Cutouts:
    """Read an .npz file of cutouts; raises CutoutError, naming the file, if it is not one."""
    try:
        data = read_arrays(path)
        rgba, label, names = data['rgba'], data['label'], data['class_names']
    except ArraysError as error:
        raise CutoutError(f'{error}; a file of cutouts is an .npz with rgba, label and '
                          'class_names') from error
    except KeyError as error:
        raise CutoutError(f'{path}: not a file of cutouts ({error}); it must be an .npz with rgba, '
                          'label and class_names') from error
    if rgba.ndim != 4 or rgba.shape[3] != 4 or rgba.dtype != np.uint8 or not len(rgba):
        raise CutoutError(f'{path}: rgba must be uint8 [n, height, width, 4], got {rgba.dtype} '
                          f'{list(rgba.shape)}')
    if label.ndim != 1 or label.dtype.kind not in 'iu' or names.ndim != 1 or \
            not ((label >= 0) & (label < len(names))).all():
        raise CutoutError(f'{path}: label must be whole numbers [n] that count class_names from '
                          f'0, got {label.dtype} {list(label.shape)} and {names.size} names')
    variety = data.get('variety', names[label])
    if not len(rgba) == len(label) == variety.size:
        raise CutoutError(f'{path}: {len(rgba)} pictures, {len(label)} labels, {variety.size} '
                          'varieties: the numbers must agree')
    _check_alpha(path, rgba[..., 3])
    pictures = torch.from_numpy(rgba).permute(0, 3, 1, 2)
    if pictures.shape[2:] != (SIDE, SIDE):
        pictures = torch.cat([_scaled(_squared(part)) for part in pictures.split(PART)])
    small = (pictures[:, 3] >= 128).sum(dim=(1, 2)) < LEAST
    if small.any():
        raise CutoutError(f'{path}: picture {int(small.int().argmax())} shows fewer than {LEAST} '
                          f'pixels at {SIDE} x {SIDE} ({int(small.sum())} such in all); cut it to '
                          'its object, or take it out of the file')
    return Cutouts(path.stem, pictures.contiguous(), tuple(str(names[i]) for i in label),
                   tuple(str(v) for v in variety.ravel()))


def _squared(pictures: Tensor) -> Tensor:
    """Return pictures [n, 4, h, w] in the middle of a clear square: their objects keep shape."""
    height, width = pictures.shape[2:]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return torch.nn.functional.pad(
        pictures, (left, side - width - left, top, side - height - top))


def _scaled(pictures: Tensor) -> Tensor:
    """Return RGBA uint8 [n, 4, h, w] at SIDE; the colour of clear pixels does not leak in."""
    colour, alpha = pictures.float().split((3, 1), dim=1)
    colour, alpha = (torch.nn.functional.interpolate(part, (SIDE, SIDE), mode='area')
                     for part in (colour * alpha, alpha))
    colour = colour / alpha.clamp(min=1e-3)
    return torch.cat([colour, alpha], dim=1).round().clamp(0, 255).to(torch.uint8)


def _check_alpha(path: Path, alpha: np.ndarray) -> None:
    solid = alpha >= 128
    for name, wrong in (('is wholly transparent', ~solid.any(axis=(1, 2))),
                        ('has no transparency: its outline is not cut out',
                         solid.all(axis=(1, 2)))):
        if wrong.any():
            raise CutoutError(f'{path}: picture {int(np.argmax(wrong))} {name} ({wrong.sum()} such '
                              'in all); take it out of the file')


def split(cutouts: Cutouts, held_classes: Collection[str], held_varieties: Collection[str],
          ) -> tuple[Cutouts, Cutouts, Cutouts]:
    """Return those to train on, those of held-out varieties, those of held-out classes."""
    by_class = [i for i, name in enumerate(cutouts.classes) if name in held_classes]
    by_variety = [i for i, name in enumerate(cutouts.varieties)
                  if name in held_varieties and cutouts.classes[i] not in held_classes]
    held = {*by_class, *by_variety}
    rest = [i for i in range(len(cutouts)) if i not in held]
    return cutouts.select(rest), cutouts.select(by_variety), cutouts.select(by_class)
