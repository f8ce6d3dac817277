"""
Backgrounds: what objects lie on, from a plain table to bins and rooms, a batch at a time.

Everything is drawn on the device of the random that all chance comes from.
"""

from collections.abc import Mapping
from functools import partial
import math

import torch
from torch import Tensor
from torch.nn import functional
from training.engine.randomness import SceneRandom
from training.engine.rooms import room
from training.engine.textures import (
    blended,
    by_kind,
    Drawer,
    noise,
    per_cell,
    soft_step,
    tones,
    turned,
)

PHOTOGRAPH, ROOM = 'photograph', 'room'


def backgrounds(side: int, random: SceneRandom,
                kind_weights: Mapping[str, float] | None = None,
                photographs: Tensor | None = None) -> Tensor:
    """
    Return backgrounds of random kind and light, float [B, 3, side, side] in 0 to 1.

    kind_weights  how often each of KINDS comes, in any scale; None or empty: all equally often,
                  but no 'room', since the fixed test sets are older
    photographs   uint8 [n, 3, h, w] on the draws' device, of which crops are used as the
                  kind 'photograph'; None: that kind is left out

    Raises ValueError for an unknown kind, 'photograph' without photographs, weights that are
    negative or all 0, and photographs of another form.
    """
    drawers: dict[str, Drawer] = dict(KINDS)
    if photographs is not None:
        if photographs.dtype != torch.uint8 or photographs.ndim != 4 or photographs.shape[1] != 3:
            raise ValueError(f'photographs must be uint8 [n, 3, h, w], got {photographs.dtype} '
                             f'{list(photographs.shape)}')
        drawers[PHOTOGRAPH] = partial(_crops, photographs)
    weights = dict(kind_weights) if kind_weights else \
        {name: 1.0 for name in drawers if name != ROOM}
    if unknown := sorted(set(weights) - set(drawers)):
        raise ValueError(f'no such kind of background: {", ".join(unknown)}; there are '
                         f'{", ".join(drawers)}, and photograph where some are given '
                         '(--backgrounds)')
    if not sum(weights.values()) > 0 or min(weights.values()) < 0:
        raise ValueError(f'weights must be 0 or above, and one above 0, got {weights}')
    shares = torch.tensor([float(w) for w in weights.values()], device=random.device)
    kind = random.choices((), shares)
    image = by_kind(kind, [drawers[name] for name in weights], side, random)
    return (image * _light(side, random)).clamp(0, 1)


def _light(side: int, random: SceneRandom) -> Tensor:
    """Return uneven light, a gain around 1, [B, 1, side, side]."""
    strength = random.uniform((1, 1), 0, 0.2)
    return 1 + (strength * noise(side, (3, 3), random))[:, None]


def _table(side: int, random: SceneRandom) -> Tensor:
    """Return one tone, with a faint grain."""
    grain = random.uniform((1, 1), 0, 0.08) * noise(side, (32, 32), random)
    return blended(tones(random, 0.2), grain + 0.1)


def _gradient(side: int, random: SceneRandom) -> Tensor:
    u, _ = turned(side, random)
    mix = 0.5 + 0.5 * u * random.uniform((1, 1), 0.3, 1)
    return blended(tones(random, 0.3), mix.clamp(0, 1))


def _noise(side: int, random: SceneRandom) -> Tensor:
    """Return noise of several scales, as of stone, sand, carpet or lawn."""
    height = torch.zeros(random.batch, side, side, device=random.device)
    for cells in (3, 7, 18, 48):
        strength = random.uniform((1, 1), 0, 1) * (3 / cells) ** 0.3
        height += strength * noise(side, (cells, cells), random)
    contrast = random.uniform((1, 1), 0.1, 1.2)
    return blended(tones(random, 0.3), 0.7 + contrast * height)


def _planks(side: int, random: SceneRandom) -> Tensor:
    """Return wood: boards side by side, each of its own brightness, with grain and gaps."""
    u, v = turned(side, random)
    wide = random.log_uniform((1, 1), 1, 5)
    board, along = u * wide, v * wide / 5
    # A board's end lies elsewhere than its neighbour's.
    along = along + per_cell(board, board * 0, random)
    value = per_cell(board, along, random)
    warp = 0.25 * noise(side, (5, 5), random)
    rings = torch.sin((board + warp + 7 * value) * random.log_uniform((1, 1), 6, 20))
    edge = torch.minimum(_to_edge(board), 5 * _to_edge(along)) / wide * side / 2
    seam = 1 - random.uniform((1, 1), 0.1, 0.7) * soft_step(1 - edge, 0.7)
    grain = 0.1 * rings + 0.04 * noise(side, (40, 40), random)
    colours = tones(random, 0.05)
    wood = torch.tensor([0.62, 0.44, 0.28], device=random.device)
    colours = 0.35 * colours + 0.65 * wood * random.uniform((1, 1), 0.4, 1.4)
    gain = 1 + random.uniform((1, 1), 0.1, 0.5) * (value - 0.5)
    return blended(colours, 0.4 + grain) * ((1 + grain) * gain * seam)[:, None]


def _tiles(side: int, random: SceneRandom) -> Tensor:
    """Return tiles, plain or of two tones, with joints between them."""
    u, v = turned(side, random)
    pitch = random.log_uniform((1, 1), 1.2, 8)
    u, v = u * pitch, v * pitch * random.uniform((1, 1), 0.6, 1)
    u = u + v.floor() / 2 * random.chance((1, 1), 0.5)
    edge = torch.minimum(_to_edge(u), _to_edge(v)) / pitch * side / 2
    width = random.uniform((1, 1), 0.5, 2.5)
    joint = soft_step(width - edge, 1)
    vary = random.uniform((1, 1), 0, 0.3) * per_cell(u, v, random)
    checker = (u.floor() + v.floor()) % 2 * random.uniform((1, 1), -0.8, 0.8).clamp(0)
    mix = (checker + vary + 0.1 * noise(side, (16, 16), random)).clamp(0, 1)
    return blended(tones(random, 0.25), mix + joint * (2 - mix) * 0.7)


def _to_edge(place: Tensor) -> Tensor:
    """Return how far numbers are from the nearest whole number."""
    return (place - place.round()).abs()


def _fabric(side: int, random: SceneRandom) -> Tensor:
    """Return cloth: a fine weave of two threads, some striped, with soft folds."""
    u, v = turned(side, random)
    thread = random.log_uniform((1, 1), 0.35, 1.1) * side / 2
    warp = 0.03 * noise(side, (5, 5), random)
    weave = torch.sin((u + warp) * thread) * torch.sin((v - warp) * thread)
    bands = torch.sin(u * random.log_uniform((1, 1), 4, 25)) > 0.3
    striped = random.chance((1, 1), 0.35)
    strength = random.uniform((1, 1), 0.1, 0.4)
    folds = random.uniform((1, 1), 0, 0.16) * noise(side, (3, 7), random)
    mix = 0.4 + strength * weave + 0.6 * (bands & striped)
    return blended(tones(random, 0.35), mix.clamp(0, 1)) * (1 + folds)[:, None]


def _bin(side: int, random: SceneRandom) -> Tensor:
    """Return bins from above: a floor, four walls lit differently, their rim, the table around."""
    u, v = turned(side, random, most=0.35)
    place = random.uniform((2, 1, 1), -0.1, 0.1)
    floor = random.uniform((2, 1, 1), 0.5, 0.8)
    wall = random.uniform((1, 1), 0.12, 0.35)
    u, v = u - place[:, 0], v - place[:, 1]
    across, down = u.abs() - floor[:, 0], v.abs() - floor[:, 1]
    out = torch.maximum(across, down)  # how far up the walls, from the floor's edge
    sideways = across > down
    first, second, third, fourth = random.uniform((4, 1, 1), 0.45, 1.15).unbind(1)
    light = torch.where(sideways, torch.where(u < 0, first, second),
                        torch.where(v < 0, third, fourth))
    light = light * (0.75 + 0.3 * (out / wall).clamp(0, 1))
    corner = 1 - random.uniform((1, 1), 0, 0.35) * torch.exp(-out.abs() * 14)
    rim = random.uniform((1, 1), 0.7, 1.3)
    pixel = side / 2
    gain = torch.lerp(torch.ones_like(out), light, soft_step(out, pixel)) * corner
    gain = torch.lerp(gain, rim.expand_as(out), soft_step(out - wall, pixel))
    grain = random.uniform((1, 1), 0, 0.12) * noise(side, (32, 32), random)
    inside = blended(tones(random, 0.25), 0.15 + grain) * gain[:, None]
    table = blended(tones(random, 0.2), 0.15 + grain)
    return torch.lerp(inside, table, soft_step(out - wall - 0.05, pixel)[:, None])


def _crops(photographs: Tensor, side: int, random: SceneRandom) -> Tensor:
    """Return random crops of random photographs, some mirrored, resized to `side`."""
    index = random.integers((), 0, len(photographs))
    height, width = photographs.shape[2:]
    part = random.uniform((1,), 0.4, 1) * min(height, width)
    size = torch.cat([part / width, part / height], dim=1)
    middle = (1 - size) * random.uniform((2,), -1, 1)
    mirror = random.chance((1,), 0.5)
    scale = torch.cat([torch.where(mirror, -size[:, :1], size[:, :1]), size[:, 1:]], dim=1)
    theta = torch.cat([torch.diag_embed(scale), middle[..., None]], dim=2)
    grid = functional.affine_grid(theta, [random.batch, 3, side, side], align_corners=False)
    # Averaging first keeps fine detail of a large photograph from turning into speckle.
    factor = max(1, math.floor(0.7 * min(height, width) / side))
    pictures = functional.avg_pool2d(photographs[index].float() / 255, factor)
    return functional.grid_sample(pictures, grid, padding_mode='border', align_corners=False)


KINDS: dict[str, Drawer] = {
    'table': _table, 'gradient': _gradient, 'noise': _noise, 'planks': _planks, 'tiles': _tiles,
    'fabric': _fabric, 'bin': _bin,
    ROOM: room([_table, _gradient, _noise, _planks, _tiles, _fabric])}
