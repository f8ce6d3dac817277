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
    chance,
    integers,
    log_uniform,
    noise,
    per_cell,
    soft_step,
    tones,
    uniform,
)


def card(count: int, random: SceneRandom) -> Field:
    """Return cards, letters and leaflets: ink on paper that is mostly white, a line at the rim."""
    aspect = uniform((count, 1, 1), 0.45, 1, random)
    power = log_uniform((count, 1, 1), 8, 60, random)
    white = uniform((count, 1), 0.8, 1, random) + uniform((count, 3), -0.03, 0.03, random)
    paper, _, dark = tones(count, random).unbind(1)
    paper = torch.where(chance((count, 1), 0.7, random), white.clamp(max=1), paper)
    ink = torch.where(chance((count, 1), 0.6, random), tones(count, random, 1.0)[:, 0], dark)
    line = uniform((count, 1, 1), 0.1, 0.9, random) * chance((count, 1, 1), 0.8, random)
    thin = log_uniform((count, 1, 1), 0.01, 0.04, random)
    columns, rows = (1 + integers((count, 1, 1), most, random) for most in (4, 6))
    share = uniform((count, 1, 1), 0, 0.9, random)
    size = uniform((count, 1, 1), 0.15, 0.42, random)
    pointed = log_uniform((count, 1, 1), 0.8, 8, random)
    inset = uniform((count, 1, 1), 0.55, 0.92, random)

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


def cut(count: int, random: SceneRandom) -> Field:
    """Return cut fruit and cut rods: a rind, a pale layer, flesh with rays; half are wedges."""
    squash = uniform((count, 1, 1), 0.45, 1, random)
    power = log_uniform((count, 1, 1), 1.7, 2.6, random)
    facing = uniform((count, 1, 1), 0, 2 * math.pi, random)
    end = torch.where(chance((count, 1, 1), 0.5, random),
                      uniform((count, 1, 1), -0.1, 0.5, random), 2.0)
    rind, pale = uniform((count, 1, 1), 0.02, 0.12, random), uniform((count, 1, 1), 0, 0.1, random)
    core = uniform((count, 1, 1), 0, 0.3, random)
    rays = 4 + integers((count, 1, 1), 10, random)
    ray = uniform((count, 1, 1), 0.03, 0.2, random) * chance((count, 1, 1), 0.6, random)
    skin, flesh, _ = tones(count, random, 0.8)[..., None, None].unbind(1)
    flesh = torch.where(chance((count, 1, 1, 1), 0.5, random), skin, flesh)
    pith = torch.lerp(flesh, torch.ones_like(flesh), uniform((count, 1, 1, 1), 0.4, 1, random))
    mottled = uniform((count, 1, 1), 0, 0.3, random)
    depth = 1 + mottled[:, None] * noise(count, 24, (12, 12), random)[:, None]

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
