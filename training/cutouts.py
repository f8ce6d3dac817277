"""
Cutouts: pictures of single objects with transparency, read from .npz files or drawn here.

An .npz file of cutouts holds `rgba` uint8 [n, height, width, 4], `label` int [n], `class_names`
str [classes] and, optionally, `variety` str [n]: a finer name within the class.
"""

from collections.abc import Collection
from dataclasses import dataclass
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SIDE = 100
MAX_PIXELS = 1 << 31


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
        with np.load(path, allow_pickle=False) as data:
            rgba, label, names = data['rgba'], data['label'], data['class_names']
            variety = data['variety'] if 'variety' in data else names[label]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise CutoutError(f'{path}: not a file of cutouts ({error}); it must be an .npz with rgba, '
                          'label and class_names') from error
    if rgba.ndim != 4 or rgba.shape[3] != 4 or rgba.dtype != np.uint8 or not len(rgba):
        raise CutoutError(f'{path}: rgba must be uint8 [n, height, width, 4], got {rgba.dtype} '
                          f'{list(rgba.shape)}')
    if not len(rgba) == len(label) == len(variety):
        raise CutoutError(f'{path}: {len(rgba)} pictures, {len(label)} labels, {len(variety)} '
                          'varieties: the numbers must agree')
    _check_alpha(path, rgba[..., 3])
    pictures = torch.from_numpy(rgba).permute(0, 3, 1, 2)
    if pictures.shape[2:] != (SIDE, SIDE):
        pictures = torch.nn.functional.interpolate(pictures.float(), (SIDE, SIDE), mode='area')
        pictures = pictures.round().to(torch.uint8)
    return Cutouts(path.stem, pictures.contiguous(), tuple(str(names[i]) for i in label),
                   tuple(str(v) for v in variety))


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


def procedural_cutouts(count: int, generator: torch.Generator) -> Cutouts:
    """Draw `count` objects of random outline, colour and pattern; each is a class of its own."""
    axis = torch.linspace(-1, 1, SIDE)
    y, x = torch.meshgrid(axis, axis, indexing='ij')
    inside = _outlines(count, x, y, generator)
    colour = _patterns(count, x, y, generator)
    alpha = (inside * 25 + 0.5).clamp(0, 1)
    rgba = torch.cat([colour, alpha[:, None]], dim=1)
    names = tuple(f'procedural {i}' for i in range(count))
    return Cutouts('procedural', (rgba * 255).round().to(torch.uint8), names, names)


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low


def _outlines(count: int, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Return signed distances to the rim, positive inside: waves on a circle, or superellipses."""
    angle, radius = torch.atan2(y, x), torch.hypot(x, y)
    waves = torch.arange(2, 7).float()
    size = _uniform((count, 5), 0, 0.22, generator) / waves.sqrt()
    phase = _uniform((count, 5), 0, 2 * math.pi, generator)
    rim = 0.72 + (size[..., None, None] * torch.cos(
        waves[:, None, None] * angle + phase[..., None, None])).sum(1)
    rim = rim / rim.amax(dim=(1, 2), keepdim=True) * 0.95
    blob = rim - radius
    power = torch.exp(_uniform((count, 1, 1), math.log(1.2), math.log(8), generator))
    aspect = _uniform((count, 1, 1), 0.3, 1, generator)
    ellipse = 0.95 - ((x.abs() ** power) + (y.abs() / aspect).clamp(max=9) ** power) ** (1 / power)
    ellipse = ellipse * aspect
    hole = radius - _uniform((count, 1, 1), 0.2, 0.45, generator)
    ring = torch.minimum(ellipse, hole)
    kind = torch.rand((count, 1, 1), generator=generator)
    return torch.where(kind < 0.5, blob, torch.where(kind < 0.93, ellipse, ring))


def _patterns(count: int, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Return colours [count, 3, SIDE, SIDE] in 0 to 1: two tones in stripes, spots or plain."""
    tones = _uniform((count, 2, 3, 1, 1), 0.05, 0.95, generator)
    turn = _uniform((count, 1, 1), 0, math.pi, generator)
    pitch = torch.exp(_uniform((count, 1, 1), math.log(1.5), math.log(16), generator))
    along = torch.cos(turn) * x + torch.sin(turn) * y
    across = torch.cos(turn) * y - torch.sin(turn) * x
    stripes = torch.sin(pitch * along)
    spots = stripes * torch.sin(pitch * across)
    sharp = _uniform((count, 1, 1), 0.5, 8, generator)
    kind = torch.rand((count, 1, 1), generator=generator)
    flat = 0.3 * along
    mix = torch.where(kind < 0.35, flat, torch.where(kind < 0.7, stripes, spots))
    mix = torch.sigmoid(sharp * mix)[:, None]
    shade = (1 - 0.35 * _uniform((count, 1, 1), 0, 1, generator) * (x ** 2 + y ** 2))[:, None]
    return ((tones[:, 0] * mix + tones[:, 1] * (1 - mix)) * shade).clamp(0, 1)
