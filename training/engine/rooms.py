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
    chance,
    Drawer,
    integers,
    log_uniform,
    noise,
    soft_step,
    tones,
    uniform,
)

THINGS = 10  # furniture and cables of a room, most of them behind each other or out of sight


def room(surfaces: Sequence[Drawer]) -> Drawer:
    """Return what draws rooms: table, floor and wall each of one of the surfaces."""
    def draw(count: int, side: int, random: SceneRandom) -> Tensor:
        x, y = axes(side, random)
        y = y + uniform((count, 1, 1), -0.25, 0.25, random) * x  # the camera is never quite level
        far = uniform((count, 1, 1), -0.95, 0.05, random)  # the table's edge away from the camera
        wall, floor, top = (_surface(surfaces, count, side, random) for _ in range(3))
        skirting = far - uniform((count, 1, 1), 0, 1.2, random)
        beyond = torch.lerp(wall, floor, soft_step(y - skirting, side / 2)[:, None])
        for _ in range(THINGS):
            beyond = _with_thing(beyond, random)
        beyond = torch.lerp(beyond, _unsharp(beyond), uniform((count, 1, 1, 1), 0, 1, random))
        beyond = beyond * uniform((count, 1, 1, 1), 0.5, 1.1, random)
        inside = _table(x, y - far, random)
        edge = 1 - uniform((count, 1, 1), 0, 0.6, random) * torch.exp(-inside.abs() * 40)
        return torch.lerp(beyond, top, soft_step(inside, side / 2)[:, None]) * edge[:, None]
    return draw


def _surface(surfaces: Sequence[Drawer], count: int, side: int, random: SceneRandom) -> Tensor:
    return by_kind(integers((count,), len(surfaces), random), surfaces, side, random)


def _table(x: Tensor, below: Tensor, random: SceneRandom) -> Tensor:
    """Return how far within the table pixels [n, H, W] lie, `below` its far and narrow edge."""
    count = len(below)
    left, right = uniform((count, 2, 1, 1), 0.5, 2.0, random).unbind(1)
    widens = uniform((count, 1, 1), 0, 0.8, random) * below
    near = uniform((count, 1, 1), 0.9, 2.5, random)
    sides = torch.minimum(x + left + widens, right + widens - x)
    return torch.minimum(torch.minimum(below, near - below), sides)


def _with_thing(beyond: Tensor, random: SceneRandom) -> Tensor:
    """Return pictures [n, 3, side, side] with one thing more: a block, a bar, or something oval."""
    count, side = len(beyond), beyond.shape[-1]
    x, y = axes(side, random)
    place = uniform((count, 2, 1, 1), -1.1, 1.1, random)
    size = log_uniform((count, 2, 1, 1), 0.015, 0.7, random)
    lean = uniform((count, 1, 1), -0.4, 0.4, random) * chance((count, 1, 1), 0.5, random)
    x, y = x - place[:, 0] + lean * y, y - place[:, 1] - lean * x
    power = log_uniform((count, 1, 1), 2, 60, random)
    far = rounded(x / size[:, 0], y / size[:, 1], power)
    within = soft_step((1 - far) * size.amin(dim=1), side / 2)
    grain = uniform((count, 1, 1), 0, 0.3, random) * noise(count, side, (9, 9), random)
    colour = blended(tones(count, random, 0.2), 0.3 + grain + 0.3 * x)
    return torch.lerp(beyond, colour, within[:, None])


def _unsharp(pictures: Tensor) -> Tensor:
    """Return pictures as they look beyond where the camera is sharp."""
    coarse = functional.interpolate(pictures, scale_factor=0.25, mode='area')
    return functional.interpolate(coarse, pictures.shape[-2:], mode='bilinear')
