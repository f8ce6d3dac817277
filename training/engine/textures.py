"""
Textures: pictures of materials and the light on them, for drawn objects and backgrounds.

Everything is drawn for a whole batch, on the device of the random that all chance comes from.
"""

from collections.abc import Callable, Sequence
import math

import torch
from torch import Tensor
from training.engine.randomness import SceneRandom

Drawer = Callable[[int, SceneRandom], Tensor]  # of (side, random)

MATERIALS = (
    (0.74, 0.75, 0.77), (0.46, 0.48, 0.51), (0.78, 0.63, 0.32), (0.71, 0.43, 0.31),  # metals
    (0.66, 0.46, 0.28), (0.83, 0.68, 0.47), (0.38, 0.24, 0.15), (0.72, 0.56, 0.39),  # wood, card
    (0.94, 0.94, 0.92), (0.90, 0.86, 0.75), (0.08, 0.08, 0.09), (0.22, 0.22, 0.24),  # plastic
    (0.34, 0.44, 0.22), (0.55, 0.52, 0.30), (0.70, 0.34, 0.24), (0.89, 0.70, 0.55),  # natural
    (0.13, 0.18, 0.36), (0.45, 0.53, 0.60), (0.52, 0.16, 0.15), (0.20, 0.36, 0.36),  # cloth
)


def patterns(side: int, random: SceneRandom) -> Tensor:
    """Return materials of two to three tones, float [B, 3, side, side] in 0 to 1."""
    kind = random.integers((), 0, len(PATTERNS))
    mix = by_kind(kind, PATTERNS, side, random)
    return blended(tones(random), mix)


def by_kind(kind: Tensor, drawers: Sequence[Drawer], side: int, random: SceneRandom,
            ) -> Tensor:
    """
    Return what the drawer of each one's kind draws, [n, ...] in the order of `kind`.

    kind int64 [n], indices into `drawers`, at least one. Each drawer draws all of its kind at once.
    """
    chosen = [torch.nonzero(kind == number)[:, 0] for number in range(len(drawers))]
    draws = [random.select(index) for index in chosen]  # all, so that no batch changes the count
    parts = [draw(side, own) for draw, own in zip(drawers, draws) if own.batch]
    return torch.cat(parts)[kind.argsort(stable=True).argsort()]


def blended(colours: Tensor, mix: Tensor) -> Tensor:
    """Return [n, 3, H, W]: of colours [n, 3, 3] the first at mix [n, H, W] 0, the last at 2."""
    mix = mix.clamp(0, 2)[:, None]
    first, second, third = colours[..., None, None].unbind(1)
    return second + (1 - mix).clamp(min=0) * (first - second) + \
        (mix - 1).clamp(min=0) * (third - second)


def tones(random: SceneRandom, saturated: float = 0.35) -> Tensor:
    """
    Return colours that go together, [B, 3, 3] in 0 to 1: two tones and a contrast.

    `saturated` is the share of those of a random strong hue; the others are like MATERIALS.
    """
    materials = torch.tensor(MATERIALS, device=random.device)
    muted = materials[random.integers((2,), 0, len(MATERIALS))]
    vivid = random.chance((2, 1), saturated)
    colour = torch.where(vivid, _hues(random), muted)
    colour = colour * random.uniform((2, 1), 0.75, 1.1)
    colour = colour + random.uniform((2, 3), -0.05, 0.05)
    first, second = colour.clamp(0.02, 1).unbind(1)
    akin = first * random.uniform((1,), 0.45, 1.5)
    second = torch.where(random.chance((1,), 0.5), akin, second)
    bright = first.mean(dim=1, keepdim=True) > 0.45
    share = random.uniform((1,), 0.1, 0.35)
    contrast = torch.where(bright, first * share, 1 - (1 - first) * share)
    return torch.stack([first, second, contrast], dim=1).clamp(0, 1)


def _hues(random: SceneRandom) -> Tensor:
    """Return strong colours [B, 2, 3], from hue, saturation and value."""
    hue, depth, value = (random.uniform((2, 1), low, high)
                         for low, high in ((0, 6), (0.5, 1), (0.35, 1)))
    sector = (hue + torch.tensor([5.0, 3, 1], device=random.device)) % 6
    return value * (1 - depth * torch.minimum(sector, 4 - sector).clamp(0, 1))


def shading(side: int, random: SceneRandom) -> Tensor:
    """Return a soft slope of light, a gain around 1, [B, 1, side, side]."""
    x, y = axes(side, random)
    slope = random.uniform((2, 1, 1, 1), -0.35, 0.35)
    return 1 + slope[:, 0] * x + slope[:, 1] * y


def highlights(side: int, random: SceneRandom) -> Tensor:
    """Return gloss to be added, [B, 1, side, side] in 0 to 0.6: a blob on some, else 0."""
    u, v = turned(side, random)
    place = random.uniform((2, 1, 1), -0.5, 0.5)
    width = random.uniform((1, 1), 0.08, 0.3)
    stretch = random.uniform((1, 1), 1, 3.5)
    strength = random.uniform((1, 1), 0.1, 0.6) * random.chance((1, 1), 0.45)
    far = ((u - place[:, 0]) / width) ** 2 + ((v - place[:, 1]) / (width * stretch)) ** 2
    return (strength * torch.exp(-far))[:, None]


def roughness(side: int, random: SceneRandom) -> Tensor:
    """Return fields of pores, spots and scratches, float [B, 3, side, side], about -1 to 1."""
    pores = noise(side, (side // 2, side // 2), random)
    spots = noise(side, (side // 6, side // 6), random)
    spots = 2 * soft_step(spots - random.uniform((1, 1), 0, 0.8), 4) - 1
    u, _ = turned(side, random)
    along = torch.sin(u * random.log_uniform((1, 1), 20, 80) + 3 * noise(side, (5, 5), random))
    scratches = along * noise(side, (side // 10, side // 10), random)
    return torch.stack([pores, spots, scratches], dim=1).clamp(-1, 1)


def axes(side: int, random: SceneRandom) -> tuple[Tensor, Tensor]:
    """Return x and y of the pixels' middles, [side, side] in -1 to 1."""
    axis = (torch.arange(side, device=random.device) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(axis, axis, indexing='ij')
    return x, y


def turned(side: int, random: SceneRandom, most: float = math.pi) -> tuple[Tensor, Tensor]:
    """Return coordinates u and v [B, side, side], each pair turned by up to `most` radians."""
    x, y = axes(side, random)
    angle = random.uniform((1, 1), -most, most)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def noise(side: int, cells: tuple[int, int], random: SceneRandom) -> Tensor:
    """Return smooth noise [B, side, side] around 0, of so many cells down and across."""
    coarse = random.normal(cells)
    down, across = (_weights(side, n, random) for n in cells)
    return down @ coarse @ across.T


def _weights(side: int, cells: int, random: SceneRandom) -> Tensor:
    """Return how much each pixel takes from each cell, [side, cells]: smooth, of sum 1."""
    place = torch.linspace(0, cells - 1, side, device=random.device)
    near = (1 - (place[:, None] - torch.arange(cells, device=place.device)).abs()).clamp(min=0)
    return near * near * (3 - 2 * near)


def per_cell(u: Tensor, v: Tensor, random: SceneRandom, period: int = 32) -> Tensor:
    """Return a random number in 0 to 1 for each unit square of u and v [n, H, W], same shape."""
    table = random.uniform((period, period), 0, 1)
    item = torch.arange(len(u), device=u.device)[:, None, None]
    return table[item, u.floor().long() % period, v.floor().long() % period]


def soft_step(height: Tensor, sharpness: Tensor | float) -> Tensor:
    """Return 0 where `height` is well below 0, 1 well above, and a ramp of that steepness."""
    return (height * sharpness + 0.5).clamp(0, 1)


def _plain(side: int, random: SceneRandom) -> Tensor:
    return 0.3 + random.uniform((1, 1), 0, 0.2) * noise(side, (4, 4), random)


def _gradient(side: int, random: SceneRandom) -> Tensor:
    u, _ = turned(side, random)
    return 0.6 + u * random.uniform((1, 1), 0.4, 1)


def _stripes(side: int, random: SceneRandom) -> Tensor:
    u, _ = turned(side, random)
    u = u * random.log_uniform((1, 1), 3, 20) + random.uniform((1, 1), 0, 6)
    sharp = random.log_uniform((1, 1), 0.5, 4)
    bands = soft_step(torch.sin(u) - random.uniform((1, 1), -0.7, 0.7), sharp)
    thin = random.chance((1, 1), 0.3)
    return bands + thin * soft_step(torch.cos(u / 2 + 0.8) - 0.8, 4 * sharp)


def _checks(side: int, random: SceneRandom) -> Tensor:
    u, v = turned(side, random)
    pitch = random.log_uniform((1, 1), 4, 16)
    cloth = random.chance((1, 1), 0.4)
    u, v = torch.sin(u * pitch), torch.sin(v * pitch)
    return torch.where(cloth, soft_step(u, 3) + soft_step(v, 3), soft_step(u * v, 4))


def _spots(side: int, random: SceneRandom) -> Tensor:
    u, v = turned(side, random)
    pitch = random.log_uniform((1, 1), 5, 18)
    height = torch.cos(u * pitch) + torch.cos(v * pitch)
    return 2 * soft_step(height - random.uniform((1, 1), 0.2, 1.3), 2)


def _marble(side: int, random: SceneRandom) -> Tensor:
    u, _ = turned(side, random)
    warp = noise(side, (4, 4), random) + 0.4 * noise(side, (11, 11), random)
    veins = torch.sin(u * random.log_uniform((1, 1), 1.5, 8) + 1.8 * warp)
    return random.uniform((1, 1), 0.5, 1.2) * (1 - veins.abs().sqrt()) + 0.2


def _wood(side: int, random: SceneRandom) -> Tensor:
    x, _ = axes(side, random)
    x = x + 0.12 * noise(side, (3, 5), random)
    rings = torch.sin(x * random.log_uniform((1, 1), 8, 30))
    return 0.5 + 0.25 * rings + 0.18 * noise(side, (4, 50), random)


def _speckle(side: int, random: SceneRandom) -> Tensor:
    u, v = turned(side, random)
    pitch = random.log_uniform((1, 1), 8, 32)
    value = per_cell(u * pitch, v * pitch, random, 64)
    share = random.uniform((1, 1), 0.03, 0.3)
    return (value < share).float() + 2 * (value > 1 - 0.4 * share)


def _text(side: int, random: SceneRandom) -> Tensor:
    """Return rows of marks in contrast (2) on a label (0) on something (1), as on packages."""
    x, y = axes(side, random)
    place = random.uniform((2, 1, 1), -0.25, 0.25)
    half = random.uniform((2, 1, 1), 0.35, 1.3)
    u, v = x - place[:, 0], y - place[:, 1]
    label = (u.abs() < half[:, 0]) & (v.abs() < half[:, 1])
    rows = v * random.log_uniform((1, 1), 3, 10)
    letters = u * random.log_uniform((1, 1), 6, 22)
    height = random.uniform((1, 1), 0.3, 0.75)
    written = (rows - rows.floor() < height) & (per_cell(rows, letters, random) < 0.65)
    inset = (u.abs() < half[:, 0] * 0.85) & (v.abs() < half[:, 1] * 0.85)
    ends = u < (per_cell(rows, rows * 0, random) * 1.2 - 0.3) * half[:, 0]
    return torch.where(written & inset & ends, 2.0, 1 - label.float())


PATTERNS: tuple[Drawer, ...] = (_plain, _plain, _gradient, _stripes, _checks, _spots, _marble,
                                _wood, _speckle, _text, _text)
