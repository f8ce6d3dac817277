"""
Flat things: printed cards and cut fruit, whose colours belong to their outline.

Of cards on cards only thin lines tell where one ends; a slice shows rings and rays that are none
of its rim.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional
from training.engine.outlines import Field, rounded, Surface
from training.engine.randomness import SceneRandom
from training.engine.textures import (
    noise,
    per_cell,
    soft_step,
    tones,
)


def card(random: SceneRandom) -> Field:
    """Return cards, letters and leaflets: ink on paper that is mostly white, a line at the rim."""
    aspect = random.uniform((1, 1), 0.45, 1)
    power = random.log_uniform((1, 1), 8, 60)
    white = random.uniform((1,), 0.8, 1) + random.uniform((3,), -0.03, 0.03)
    paper, _, dark = tones(random).unbind(1)
    paper = torch.where(random.chance((1,), 0.7), white.clamp(max=1), paper)
    ink = torch.where(random.chance((1,), 0.6), tones(random, 1.0)[:, 0], dark)
    line = random.uniform((1, 1), 0.1, 0.9) * random.chance((1, 1), 0.8)
    thin = random.log_uniform((1, 1), 0.01, 0.04)
    columns, rows = (1 + random.integers((1, 1), 0, most) for most in (4, 6))
    share = random.uniform((1, 1), 0, 0.9)
    size = random.uniform((1, 1), 0.15, 0.42)
    pointed = random.log_uniform((1, 1), 0.8, 8)
    inset = random.uniform((1, 1), 0.55, 0.92)

    def field(x: Tensor, y: Tensor) -> Surface:
        inside = 1 - rounded(x / aspect, y, power)
        u, v = (x / (aspect * inset) + 1) * columns / 2, (y / inset + 1) * rows / 2
        within = (u > 0) & (u < columns) & (v > 0) & (v < rows)
        far = rounded((u - u.floor() - 0.5) * aspect / columns * rows, v - v.floor() - 0.5, pointed)
        printed = within & (far < size) & (per_cell(u, v, random) < share)
        colour = torch.where(printed[:, None], ink[..., None, None], paper[..., None, None])
        rim = soft_step(thin - inside, 1 / thin) * line
        return Surface(inside, 1 - rim, colour=colour)
    return field


def cut(random: SceneRandom) -> Field:
    """Return cut fruit and cut rods: a rind, a pale layer, flesh with rays; half are wedges."""
    squash = random.uniform((1, 1), 0.45, 1)
    power = random.log_uniform((1, 1), 1.7, 2.6)
    facing = random.uniform((1, 1), 0, 2 * math.pi)
    end = torch.where(random.chance((1, 1), 0.5),
                      random.uniform((1, 1), -0.1, 0.5), 2.0)
    rind, pale = random.uniform((1, 1), 0.02, 0.12), random.uniform((1, 1), 0, 0.1)
    core = random.uniform((1, 1), 0, 0.3)
    rays = 4 + random.integers((1, 1), 0, 10)
    ray = random.uniform((1, 1), 0.03, 0.2) * random.chance((1, 1), 0.6)
    skin, flesh, _ = tones(random, 0.8)[..., None, None].unbind(1)
    flesh = torch.where(random.chance((1, 1, 1), 0.5), skin, flesh)
    pith = torch.lerp(flesh, torch.ones_like(flesh), random.uniform((1, 1, 1), 0.4, 1))
    mottled = random.uniform((1, 1), 0, 0.3)
    depth = 1 + mottled[:, None] * noise(24, (12, 12), random)[:, None]

    def field(x: Tensor, y: Tensor) -> Surface:
        far = rounded(x, y / squash, power)
        inside = torch.minimum(1 - far, end - torch.cos(facing) * x - torch.sin(facing) * y)
        angle = torch.atan2(y / squash, x)
        between = (torch.sin(angle * rays / 2).abs() < ray / far.clamp(min=0.2)) | (far < core)
        between |= far > 1 - rind - pale
        colour = torch.where(between[:, None], pith, flesh)
        colour = torch.where((far > 1 - rind)[:, None], skin, colour)
        mottling = functional.interpolate(depth, x.shape[-2:], mode='bilinear')
        return Surface(inside, colour=(colour * mottling).clamp(0, 1))
    return field
