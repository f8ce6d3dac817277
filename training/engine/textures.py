"""
Textures: pictures of materials and the light on them, for drawn objects and backgrounds.

Everything is drawn for a whole batch, on the device of the random that all chance comes from.
"""

from collections.abc import Callable, Sequence
import math

import torch
from torch import Tensor
from training.engine.randomness import SceneRandom

Drawer = Callable[[int, int, SceneRandom], Tensor]  # of (count, side, random)

MATERIALS = (
    (0.74, 0.75, 0.77), (0.46, 0.48, 0.51), (0.78, 0.63, 0.32), (0.71, 0.43, 0.31),  # metals
    (0.66, 0.46, 0.28), (0.83, 0.68, 0.47), (0.38, 0.24, 0.15), (0.72, 0.56, 0.39),  # wood, card
    (0.94, 0.94, 0.92), (0.90, 0.86, 0.75), (0.08, 0.08, 0.09), (0.22, 0.22, 0.24),  # plastic
    (0.34, 0.44, 0.22), (0.55, 0.52, 0.30), (0.70, 0.34, 0.24), (0.89, 0.70, 0.55),  # natural
    (0.13, 0.18, 0.36), (0.45, 0.53, 0.60), (0.52, 0.16, 0.15), (0.20, 0.36, 0.36),  # cloth
)


def patterns(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return materials of two to three tones, float [count, 3, side, side] in 0 to 1."""
    kind = integers((count,), len(PATTERNS), random)
    mix = by_kind(kind, PATTERNS, side, random)
    return blended(tones(count, random), mix)


def by_kind(kind: Tensor, drawers: Sequence[Drawer], side: int, random: SceneRandom,
            ) -> Tensor:
    """
    Return what the drawer of each one's kind draws, [n, ...] in the order of `kind`.

    kind int64 [n], indices into `drawers`, at least one. Each drawer draws all of its kind at once.
    """
    chosen = [torch.nonzero(kind == number)[:, 0] for number in range(len(drawers))]
    draws = [random.select(index) for index in chosen]  # all, so that no batch changes the count
    parts = [draw(own.batch, side, own) for draw, own in zip(drawers, draws) if own.batch]
    return torch.cat(parts)[kind.argsort(stable=True).argsort()]


def blended(colours: Tensor, mix: Tensor) -> Tensor:
    """Return [n, 3, H, W]: of colours [n, 3, 3] the first at mix [n, H, W] 0, the last at 2."""
    mix = mix.clamp(0, 2)[:, None]
    first, second, third = colours[..., None, None].unbind(1)
    return second + (1 - mix).clamp(min=0) * (first - second) + \
        (mix - 1).clamp(min=0) * (third - second)


def tones(count: int, random: SceneRandom, saturated: float = 0.35) -> Tensor:
    """
    Return colours that go together, [count, 3, 3] in 0 to 1: two tones and a contrast.

    `saturated` is the share of those of a random strong hue; the others are like MATERIALS.
    """
    materials = torch.tensor(MATERIALS, device=random.device)
    muted = materials[integers((count, 2), len(MATERIALS), random)]
    vivid = chance((count, 2, 1), saturated, random)
    colour = torch.where(vivid, _hues(count, random), muted)
    colour = colour * uniform((count, 2, 1), 0.75, 1.1, random)
    colour = colour + uniform((count, 2, 3), -0.05, 0.05, random)
    first, second = colour.clamp(0.02, 1).unbind(1)
    akin = first * uniform((count, 1), 0.45, 1.5, random)
    second = torch.where(chance((count, 1), 0.5, random), akin, second)
    bright = first.mean(dim=1, keepdim=True) > 0.45
    share = uniform((count, 1), 0.1, 0.35, random)
    contrast = torch.where(bright, first * share, 1 - (1 - first) * share)
    return torch.stack([first, second, contrast], dim=1).clamp(0, 1)


def _hues(count: int, random: SceneRandom) -> Tensor:
    """Return strong colours [count, 2, 3], from hue, saturation and value."""
    hue, depth, value = (uniform((count, 2, 1), low, high, random)
                         for low, high in ((0, 6), (0.5, 1), (0.35, 1)))
    sector = (hue + torch.tensor([5.0, 3, 1], device=random.device)) % 6
    return value * (1 - depth * torch.minimum(sector, 4 - sector).clamp(0, 1))


def shading(count: int, side: int, random: SceneRandom, strength: float = 0.35) -> Tensor:
    """Return a soft slope of light, a gain around 1, [count, 1, side, side]."""
    x, y = axes(side, random)
    slope = uniform((count, 2, 1, 1, 1), -strength, strength, random)
    return 1 + slope[:, 0] * x + slope[:, 1] * y


def highlights(count: int, side: int, random: SceneRandom, share: float = 0.45) -> Tensor:
    """Return gloss to be added, [count, 1, side, side] in 0 to 0.6: a blob on a `share`, or 0."""
    u, v = turned(count, side, random)
    place = uniform((count, 2, 1, 1), -0.5, 0.5, random)
    width = uniform((count, 1, 1), 0.08, 0.3, random)
    stretch = uniform((count, 1, 1), 1, 3.5, random)
    strength = uniform((count, 1, 1), 0.1, 0.6, random) * chance((count, 1, 1), share, random)
    far = ((u - place[:, 0]) / width) ** 2 + ((v - place[:, 1]) / (width * stretch)) ** 2
    return (strength * torch.exp(-far))[:, None]


def roughness(side: int, random: SceneRandom) -> Tensor:
    """Return fields of pores, spots and scratches, float [B, 3, side, side], about -1 to 1."""
    count = random.batch
    pores = noise(count, side, (side // 2, side // 2), random)
    spots = noise(count, side, (side // 6, side // 6), random)
    spots = 2 * soft_step(spots - uniform((count, 1, 1), 0, 0.8, random), 4) - 1
    u, _ = turned(count, side, random)
    along = torch.sin(u * log_uniform((count, 1, 1), 20, 80, random) + 3 * noise(
        count, side, (5, 5), random))
    scratches = along * noise(count, side, (side // 10, side // 10), random)
    return torch.stack([pores, spots, scratches], dim=1).clamp(-1, 1)


def uniform(shape: tuple[int, ...], low: float, high: float, random: SceneRandom) -> Tensor:
    """Return float numbers between low and high."""
    return random.uniform(shape[1:], low, high)


def log_uniform(shape: tuple[int, ...], low: float, high: float, random: SceneRandom,
                ) -> Tensor:
    """Return float numbers between low and high, both above 0, each octave as often."""
    return torch.exp(uniform(shape, math.log(low), math.log(high), random))


def normal(shape: tuple[int, ...], random: SceneRandom) -> Tensor:
    """Return float numbers of mean 0 and deviation 1."""
    return random.normal(shape[1:])


def integers(shape: tuple[int, ...], end: int, random: SceneRandom) -> Tensor:
    """Return int64 numbers from 0 to end - 1."""
    return random.integers(shape[1:], 0, end)


def chance(shape: tuple[int, ...], share: float, random: SceneRandom) -> Tensor:
    """Return bool numbers, True for about that share of them."""
    return uniform(shape, 0, 1, random) < share


def axes(side: int, random: SceneRandom) -> tuple[Tensor, Tensor]:
    """Return x and y of the pixels' middles, [side, side] in -1 to 1."""
    axis = (torch.arange(side, device=random.device) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(axis, axis, indexing='ij')
    return x, y


def turned(count: int, side: int, random: SceneRandom, most: float = math.pi,
           ) -> tuple[Tensor, Tensor]:
    """Return coordinates u and v [count, side, side], each pair turned by up to `most` radians."""
    x, y = axes(side, random)
    angle = uniform((count, 1, 1), -most, most, random)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def noise(count: int, side: int, cells: tuple[int, int], random: SceneRandom) -> Tensor:
    """Return smooth noise [count, side, side] around 0, of so many cells down and across."""
    coarse = normal((count, *cells), random)
    down, across = (_weights(side, n, random) for n in cells)
    return down @ coarse @ across.T


def _weights(side: int, cells: int, random: SceneRandom) -> Tensor:
    """Return how much each pixel takes from each cell, [side, cells]: smooth, of sum 1."""
    place = torch.linspace(0, cells - 1, side, device=random.device)
    near = (1 - (place[:, None] - torch.arange(cells, device=place.device)).abs()).clamp(min=0)
    return near * near * (3 - 2 * near)


def per_cell(u: Tensor, v: Tensor, random: SceneRandom, period: int = 32) -> Tensor:
    """Return a random number in 0 to 1 for each unit square of u and v [n, H, W], same shape."""
    table = uniform((len(u), period, period), 0, 1, random)
    item = torch.arange(len(u), device=u.device)[:, None, None]
    return table[item, u.floor().long() % period, v.floor().long() % period]


def soft_step(height: Tensor, sharpness: Tensor | float) -> Tensor:
    """Return 0 where `height` is well below 0, 1 well above, and a ramp of that steepness."""
    return (height * sharpness + 0.5).clamp(0, 1)


def _plain(count: int, side: int, random: SceneRandom) -> Tensor:
    return 0.3 + uniform((count, 1, 1), 0, 0.2, random) * noise(count, side, (4, 4), random)


def _gradient(count: int, side: int, random: SceneRandom) -> Tensor:
    u, _ = turned(count, side, random)
    return 0.6 + u * uniform((count, 1, 1), 0.4, 1, random)


def _stripes(count: int, side: int, random: SceneRandom) -> Tensor:
    u, _ = turned(count, side, random)
    u = u * log_uniform((count, 1, 1), 3, 20, random) + uniform((count, 1, 1), 0, 6, random)
    sharp = log_uniform((count, 1, 1), 0.5, 4, random)
    bands = soft_step(torch.sin(u) - uniform((count, 1, 1), -0.7, 0.7, random), sharp)
    thin = chance((count, 1, 1), 0.3, random)
    return bands + thin * soft_step(torch.cos(u / 2 + 0.8) - 0.8, 4 * sharp)


def _checks(count: int, side: int, random: SceneRandom) -> Tensor:
    u, v = turned(count, side, random)
    pitch = log_uniform((count, 1, 1), 4, 16, random)
    cloth = chance((count, 1, 1), 0.4, random)
    u, v = torch.sin(u * pitch), torch.sin(v * pitch)
    return torch.where(cloth, soft_step(u, 3) + soft_step(v, 3), soft_step(u * v, 4))


def _spots(count: int, side: int, random: SceneRandom) -> Tensor:
    u, v = turned(count, side, random)
    pitch = log_uniform((count, 1, 1), 5, 18, random)
    height = torch.cos(u * pitch) + torch.cos(v * pitch)
    return 2 * soft_step(height - uniform((count, 1, 1), 0.2, 1.3, random), 2)


def _marble(count: int, side: int, random: SceneRandom) -> Tensor:
    u, _ = turned(count, side, random)
    warp = noise(count, side, (4, 4), random) + 0.4 * noise(count, side, (11, 11), random)
    veins = torch.sin(u * log_uniform((count, 1, 1), 1.5, 8, random) + 1.8 * warp)
    return uniform((count, 1, 1), 0.5, 1.2, random) * (1 - veins.abs().sqrt()) + 0.2


def _wood(count: int, side: int, random: SceneRandom) -> Tensor:
    x, _ = axes(side, random)
    x = x + 0.12 * noise(count, side, (3, 5), random)
    rings = torch.sin(x * log_uniform((count, 1, 1), 8, 30, random))
    return 0.5 + 0.25 * rings + 0.18 * noise(count, side, (4, 50), random)


def _speckle(count: int, side: int, random: SceneRandom) -> Tensor:
    u, v = turned(count, side, random)
    pitch = log_uniform((count, 1, 1), 8, 32, random)
    value = per_cell(u * pitch, v * pitch, random, 64)
    share = uniform((count, 1, 1), 0.03, 0.3, random)
    return (value < share).float() + 2 * (value > 1 - 0.4 * share)


def _text(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return rows of marks in contrast (2) on a label (0) on something (1), as on packages."""
    x, y = axes(side, random)
    place = uniform((count, 2, 1, 1), -0.25, 0.25, random)
    half = uniform((count, 2, 1, 1), 0.35, 1.3, random)
    u, v = x - place[:, 0], y - place[:, 1]
    label = (u.abs() < half[:, 0]) & (v.abs() < half[:, 1])
    rows = v * log_uniform((count, 1, 1), 3, 10, random)
    letters = u * log_uniform((count, 1, 1), 6, 22, random)
    height = uniform((count, 1, 1), 0.3, 0.75, random)
    written = (rows - rows.floor() < height) & (per_cell(rows, letters, random) < 0.65)
    inset = (u.abs() < half[:, 0] * 0.85) & (v.abs() < half[:, 1] * 0.85)
    ends = u < (per_cell(rows, rows * 0, random) * 1.2 - 0.3) * half[:, 0]
    return torch.where(written & inset & ends, 2.0, 1 - label.float())


PATTERNS: tuple[Drawer, ...] = (_plain, _plain, _gradient, _stripes, _checks, _spots, _marble,
                                _wood, _speckle, _text, _text)
