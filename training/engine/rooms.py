"""
Rooms: a table that the camera looks at from the side, and beyond it what is no object to pick.

Floors, walls, furniture and cables fill the upper part of most pictures that a robot takes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from training.engine.outlines import rounded
from training.engine.randomness import SceneRandom
from training.engine.textures import (
    axes,
    blended,
    by_kind,
    Drawer,
    noise,
    soft_step,
    tones,
)

THINGS = 10  # furniture and cables of a room, most of them behind each other or out of sight


def room(surfaces: Sequence[Drawer]) -> Drawer:
    """Return what draws rooms: table, floor and wall each of one of the surfaces."""
    def draw(side: int, random: SceneRandom) -> Tensor:
        x, y = axes(side, random)
        y = y + random.uniform((1, 1), -0.25, 0.25) * x  # the camera is never quite level
        far = random.uniform((1, 1), -0.95, 0.05)  # the table's edge away from the camera
        wall, floor, top = (_surface(surfaces, side, random) for _ in range(3))
        skirting = far - random.uniform((1, 1), 0, 1.2)
        beyond = torch.lerp(wall, floor, soft_step(y - skirting, side / 2)[:, None])
        for _ in range(THINGS):
            beyond = _with_thing(beyond, random)
        beyond = torch.lerp(beyond, _unsharp(beyond), random.uniform((1, 1, 1), 0, 1))
        beyond = beyond * random.uniform((1, 1, 1), 0.5, 1.1)
        inside = _table(x, y - far, random)
        edge = 1 - random.uniform((1, 1), 0, 0.6) * torch.exp(-inside.abs() * 40)
        return torch.lerp(beyond, top, soft_step(inside, side / 2)[:, None]) * edge[:, None]
    return draw


def _surface(surfaces: Sequence[Drawer], side: int, random: SceneRandom) -> Tensor:
    return by_kind(random.integers((), 0, len(surfaces)), surfaces, side, random)


def _table(x: Tensor, below: Tensor, random: SceneRandom) -> Tensor:
    """Return how far within the table pixels [n, H, W] lie, `below` its far and narrow edge."""
    left, right = random.uniform((2, 1, 1), 0.5, 2.0).unbind(1)
    widens = random.uniform((1, 1), 0, 0.8) * below
    near = random.uniform((1, 1), 0.9, 2.5)
    sides = torch.minimum(x + left + widens, right + widens - x)
    return torch.minimum(torch.minimum(below, near - below), sides)


def _with_thing(beyond: Tensor, random: SceneRandom) -> Tensor:
    """Return pictures [n, 3, side, side] with one thing more: a block, a bar, or something oval."""
    side = beyond.shape[-1]
    x, y = axes(side, random)
    place = random.uniform((2, 1, 1), -1.1, 1.1)
    size = random.log_uniform((2, 1, 1), 0.015, 0.7)
    lean = random.uniform((1, 1), -0.4, 0.4) * random.chance((1, 1), 0.5)
    x, y = x - place[:, 0] + lean * y, y - place[:, 1] - lean * x
    power = random.log_uniform((1, 1), 2, 60)
    far = rounded(x / size[:, 0], y / size[:, 1], power)
    within = soft_step((1 - far) * size.amin(dim=1), side / 2)
    grain = random.uniform((1, 1), 0, 0.3) * noise(side, (9, 9), random)
    colour = blended(tones(random, 0.2), 0.3 + grain + 0.3 * x)
    return torch.lerp(beyond, colour, within[:, None])


def _unsharp(pictures: Tensor) -> Tensor:
    """Return pictures as they look beyond where the camera is sharp."""
    coarse = functional.interpolate(pictures, scale_factor=0.25, mode='area')
    return functional.interpolate(coarse, pictures.shape[-2:], mode='bilinear')
