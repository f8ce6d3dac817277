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
    chance,
    Drawer,
    integers,
    log_uniform,
    noise,
    per_cell,
    soft_step,
    tones,
    turned,
    uniform,
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
    return (image * _light(random.batch, side, random)).clamp(0, 1)


def _light(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return uneven light, a gain around 1, [count, 1, side, side]."""
    strength = uniform((count, 1, 1), 0, 0.2, random)
    return 1 + (strength * noise(count, side, (3, 3), random))[:, None]


def _table(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return one tone, with a faint grain."""
    grain = uniform((count, 1, 1), 0, 0.08, random) * noise(count, side, (32, 32), random)
    return blended(tones(count, random, 0.2), grain + 0.1)


def _gradient(count: int, side: int, random: SceneRandom) -> Tensor:
    u, _ = turned(count, side, random)
    mix = 0.5 + 0.5 * u * uniform((count, 1, 1), 0.3, 1, random)
    return blended(tones(count, random, 0.3), mix.clamp(0, 1))


def _noise(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return noise of several scales, as of stone, sand, carpet or lawn."""
    height = torch.zeros(count, side, side, device=random.device)
    for cells in (3, 7, 18, 48):
        strength = uniform((count, 1, 1), 0, 1, random) * (3 / cells) ** 0.3
        height += strength * noise(count, side, (cells, cells), random)
    contrast = uniform((count, 1, 1), 0.1, 1.2, random)
    return blended(tones(count, random, 0.3), 0.7 + contrast * height)


def _planks(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return wood: boards side by side, each of its own brightness, with grain and gaps."""
    u, v = turned(count, side, random)
    wide = log_uniform((count, 1, 1), 1, 5, random)
    board, along = u * wide, v * wide / 5
    # A board's end lies elsewhere than its neighbour's.
    along = along + per_cell(board, board * 0, random)
    value = per_cell(board, along, random)
    warp = 0.25 * noise(count, side, (5, 5), random)
    rings = torch.sin((board + warp + 7 * value) * log_uniform((count, 1, 1), 6, 20, random))
    edge = torch.minimum(_to_edge(board), 5 * _to_edge(along)) / wide * side / 2
    seam = 1 - uniform((count, 1, 1), 0.1, 0.7, random) * soft_step(1 - edge, 0.7)
    grain = 0.1 * rings + 0.04 * noise(count, side, (40, 40), random)
    colours = tones(count, random, 0.05)
    wood = torch.tensor([0.62, 0.44, 0.28], device=random.device)
    colours = 0.35 * colours + 0.65 * wood * uniform((count, 1, 1), 0.4, 1.4, random)
    gain = 1 + uniform((count, 1, 1), 0.1, 0.5, random) * (value - 0.5)
    return blended(colours, 0.4 + grain) * ((1 + grain) * gain * seam)[:, None]


def _tiles(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return tiles, plain or of two tones, with joints between them."""
    u, v = turned(count, side, random)
    pitch = log_uniform((count, 1, 1), 1.2, 8, random)
    u, v = u * pitch, v * pitch * uniform((count, 1, 1), 0.6, 1, random)
    u = u + v.floor() / 2 * chance((count, 1, 1), 0.5, random)
    edge = torch.minimum(_to_edge(u), _to_edge(v)) / pitch * side / 2
    width = uniform((count, 1, 1), 0.5, 2.5, random)
    joint = soft_step(width - edge, 1)
    vary = uniform((count, 1, 1), 0, 0.3, random) * per_cell(u, v, random)
    checker = (u.floor() + v.floor()) % 2 * uniform((count, 1, 1), -0.8, 0.8, random).clamp(0)
    mix = (checker + vary + 0.1 * noise(count, side, (16, 16), random)).clamp(0, 1)
    return blended(tones(count, random, 0.25), mix + joint * (2 - mix) * 0.7)


def _to_edge(place: Tensor) -> Tensor:
    """Return how far numbers are from the nearest whole number."""
    return (place - place.round()).abs()


def _fabric(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return cloth: a fine weave of two threads, some striped, with soft folds."""
    u, v = turned(count, side, random)
    thread = log_uniform((count, 1, 1), 0.35, 1.1, random) * side / 2
    warp = 0.03 * noise(count, side, (5, 5), random)
    weave = torch.sin((u + warp) * thread) * torch.sin((v - warp) * thread)
    bands = torch.sin(u * log_uniform((count, 1, 1), 4, 25, random)) > 0.3
    striped = chance((count, 1, 1), 0.35, random)
    strength = uniform((count, 1, 1), 0.1, 0.4, random)
    folds = uniform((count, 1, 1), 0, 0.16, random) * noise(count, side, (3, 7), random)
    mix = 0.4 + strength * weave + 0.6 * (bands & striped)
    return blended(tones(count, random, 0.35), mix.clamp(0, 1)) * (1 + folds)[:, None]


def _bin(count: int, side: int, random: SceneRandom) -> Tensor:
    """Return bins from above: a floor, four walls lit differently, their rim, the table around."""
    u, v = turned(count, side, random, most=0.35)
    place = uniform((count, 2, 1, 1), -0.1, 0.1, random)
    floor = uniform((count, 2, 1, 1), 0.5, 0.8, random)
    wall = uniform((count, 1, 1), 0.12, 0.35, random)
    u, v = u - place[:, 0], v - place[:, 1]
    across, down = u.abs() - floor[:, 0], v.abs() - floor[:, 1]
    out = torch.maximum(across, down)  # how far up the walls, from the floor's edge
    sideways = across > down
    first, second, third, fourth = uniform((count, 4, 1, 1), 0.45, 1.15, random).unbind(1)
    light = torch.where(sideways, torch.where(u < 0, first, second),
                        torch.where(v < 0, third, fourth))
    light = light * (0.75 + 0.3 * (out / wall).clamp(0, 1))
    corner = 1 - uniform((count, 1, 1), 0, 0.35, random) * torch.exp(-out.abs() * 14)
    rim = uniform((count, 1, 1), 0.7, 1.3, random)
    pixel = side / 2
    gain = torch.lerp(torch.ones_like(out), light, soft_step(out, pixel)) * corner
    gain = torch.lerp(gain, rim.expand_as(out), soft_step(out - wall, pixel))
    grain = uniform((count, 1, 1), 0, 0.12, random) * noise(count, side, (32, 32), random)
    inside = blended(tones(count, random, 0.25), 0.15 + grain) * gain[:, None]
    table = blended(tones(count, random, 0.2), 0.15 + grain)
    return torch.lerp(inside, table, soft_step(out - wall - 0.05, pixel)[:, None])


def _crops(photographs: Tensor, count: int, side: int, random: SceneRandom) -> Tensor:
    """Return random crops of random photographs, some mirrored, resized to `side`."""
    index = integers((count,), len(photographs), random)
    height, width = photographs.shape[2:]
    part = uniform((count, 1), 0.4, 1, random) * min(height, width)
    size = torch.cat([part / width, part / height], dim=1)
    middle = (1 - size) * uniform((count, 2), -1, 1, random)
    mirror = chance((count, 1), 0.5, random)
    scale = torch.cat([torch.where(mirror, -size[:, :1], size[:, :1]), size[:, 1:]], dim=1)
    theta = torch.cat([torch.diag_embed(scale), middle[..., None]], dim=2)
    grid = functional.affine_grid(theta, [count, 3, side, side], align_corners=False)
    # Averaging first keeps fine detail of a large photograph from turning into speckle.
    factor = max(1, math.floor(0.7 * min(height, width) / side))
    pictures = functional.avg_pool2d(photographs[index].float() / 255, factor)
    return functional.grid_sample(pictures, grid, padding_mode='border', align_corners=False)


KINDS: dict[str, Drawer] = {
    'table': _table, 'gradient': _gradient, 'noise': _noise, 'planks': _planks, 'tiles': _tiles,
    'fabric': _fabric, 'bin': _bin,
    ROOM: room([_table, _gradient, _noise, _planks, _tiles, _fabric])}
