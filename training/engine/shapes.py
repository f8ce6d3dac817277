"""Shapes: cutouts of objects drawn here, without end, each to fill its frame."""

from collections.abc import Callable, Sequence
from functools import partial
import math

import torch
from torch import Tensor
from torch.nn import functional
from training.cutouts import Cutouts, SIDE
from training.engine import flats, outlines
from training.engine.outlines import Field
from training.engine.randomness import SceneRandom
from training.engine.textures import (
    axes,
    by_kind,
    highlights,
    patterns,
    shading,
)

FIELDS: dict[str, Callable[[SceneRandom], Field]] = {
    'polygon': outlines.polygon, 'ellipse': outlines.ellipse,
    'superellipse': outlines.superellipse, 'fourier': outlines.fourier, 'ring': outlines.ring,
    'handle': outlines.handle, 'tool': outlines.tool, 'box': outlines.box,
    'cylinder': outlines.cylinder, 'card': flats.card, 'cut': flats.cut}
KINDS = tuple(FIELDS)
PROBES = (32, 72)     # points a side at which a shape is measured, roughly and then closely
REACH = 1.6           # no shape reaches further from its origin
FILLED = (0.94, 0.98)  # share of the frame that the longer side takes


def procedural_cutouts(count: int, seed: int, kinds: Sequence[str] = ()) -> Cutouts:
    """
    Draw `count` objects of random kind, proportions and material; each is a class of its own.

    `kinds` are some of KINDS, each as often; none: all. rgba is uint8 [count, 4, SIDE, SIDE],
    classes are 'kind i'. Raises ValueError for an unknown kind, and for a count below 1.
    """
    kinds = tuple(kinds) or KINDS
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ValueError(f'no such kind of shape: {", ".join(unknown)}; there are '
                         f'{", ".join(KINDS)}')
    if count < 1:
        raise ValueError(f'at least one cutout must be drawn, got {count}')
    random = SceneRandom(seed, torch.arange(count))
    kind = random.integers((), 0, len(kinds))
    rgba = by_kind(kind, [partial(_drawn, FIELDS[name]) for name in kinds], SIDE, random)
    names = tuple(f'{kinds[k]} {i}' for i, k in enumerate(kind.tolist()))
    return Cutouts('procedural', rgba, names, names)


def _drawn(field_of: Callable[[SceneRandom], Field], side: int, random: SceneRandom) -> Tensor:
    """Return pictures of one kind of shape, uint8 [B, 4, side, side]."""
    field = field_of(random)
    surface = field(*_fitted(field, side, random))
    alpha, bevel = _rim(surface.inside, random)
    if surface.colour is None:
        colour = patterns(side, random)
    else:  # of a flat thing, whose rim is not rounded
        colour, bevel = surface.colour, torch.ones_like(bevel)
    if surface.texture is not None:
        colour = functional.grid_sample(colour, surface.texture, padding_mode='reflection',
                                        align_corners=False)
    colour = colour * (shading(side, random) * bevel[:, None])
    if surface.gain is not None:
        colour = colour * surface.gain[:, None]
    colour = (colour + highlights(side, random)).clamp(0, 1)
    return (torch.cat([colour, alpha[:, None]], dim=1) * 255).round().to(torch.uint8)


def _fitted(field: Field, side: int, random: SceneRandom) -> tuple[Tensor, Tensor]:
    """Return the points x and y [B, side, side] at which the shape fills the frame."""
    middle = torch.zeros((2, random.batch, 1, 1), device=random.device)
    half = torch.full((random.batch, 1, 1), REACH, device=random.device)
    for probe in PROBES:
        x, y = axes(probe, random)
        x, y = middle[0] + half * x, middle[1] + half * y
        there = _distance(field(x, y).inside)[0] > -1.0  # else a thin tip is missed
        # Rows and columns of points that meet the shape, to their far edges.
        low, high = (torch.stack([torch.where(there, axis, bound).flatten(1) for axis in (x, y)])
                     for bound in (math.inf, -math.inf))
        low, high = low.amin(dim=2), high.amax(dim=2)
        middle = ((low + high) / 2)[..., None, None]
        half = (high - low).amax(dim=0)[:, None, None] / 2 + half / probe
    half = half / random.uniform((1, 1), *FILLED)
    x, y = axes(side, random)
    return middle[0] + half * x, middle[1] + half * y


def _distance(inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distance to the rim in pixels, above 0 inside, and the way inwards, x and y."""
    grown = functional.pad(inside[:, None], (1, 1, 1, 1), mode='replicate')[:, 0]
    x = (grown[:, 1:-1, 2:] - grown[:, 1:-1, :-2]) / 2
    y = (grown[:, 2:, 1:-1] - grown[:, :-2, 1:-1]) / 2
    steep = torch.hypot(x, y).clamp(min=0.002)
    return inside / steep, x / steep, y / steep


def _rim(inside: Tensor, random: SceneRandom) -> tuple[Tensor, Tensor]:
    """Return the alpha and the gain of light on a rounded rim, both [n, H, W]."""
    distance, x, y = _distance(inside)
    angle = random.uniform((1, 1), 0, 2 * math.pi)
    width = random.log_uniform((1, 1), 1.5, 12)
    strength = random.uniform((1, 1), 0, 0.45)
    facing = torch.cos(angle) * x + torch.sin(angle) * y - 0.4
    bevel = 1 + strength * facing * torch.exp(-distance.clamp(min=0) / width)
    return (distance + 0.5).clamp(0, 1), bevel
