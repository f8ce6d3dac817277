"""
Warps: where each pixel of an image lies on an object, by affine, perspective and elastic maps.

Objects live in a square of -1 to 1 (u right, v down), images in another (x right, y down). Only
pixels that an object may touch are ever looked at: `pixels_of` lists them for all of a batch.
"""

from dataclasses import dataclass
from functools import cached_property
import math
from typing import NamedTuple

import torch
from torch import Tensor
from training.engine.randomness import SceneRandom


@dataclass(frozen=True)
class Poses:
    """
    Where objects lie: tensors whose first dimensions are [B, N].

    to_image   float [B, N, 3, 3], homography from object to image coordinates
    waves      float [B, N, 2, 3]: amplitude, frequency and phase of u's and v's elastic map
    size       float [B, N], the object's side as a share of the image's
    place      float [B, N, 2], the object's middle in image coordinates
    """

    to_image: Tensor
    waves: Tensor
    size: Tensor
    place: Tensor

    def boxes(self, side: int, margin: float, move: Tensor) -> Tensor:
        """
        Return the pixels that objects may touch: int64 [B, N, 4], left, top, right, bottom.

        Right and bottom are exclusive. The box also holds the object moved by `move`, float
        [B, N, 2] in image coordinates; `margin` widens it by a share of the object's size.
        """
        reach = 1 + self.waves[..., 0].abs()
        signs = torch.tensor([[-1., -1.], [1., -1.], [1., 1.], [-1., 1.]], device=reach.device)
        corners = torch.nn.functional.pad(reach[:, :, None] * signs, (0, 1), value=1.0)
        seen = corners @ self.to_image.transpose(2, 3)
        seen = seen[..., :2] / seen[..., 2:]
        wide = margin * self.size[..., None]
        low = seen.amin(dim=2) + move.clamp(max=0) - wide
        high = seen.amax(dim=2) + move.clamp(min=0) + wide
        ends = torch.cat([((low + 1) * side / 2).floor(), ((high + 1) * side / 2).ceil()], dim=-1)
        return ends.long().clamp(0, side)

    def rows(self, boxes: Tensor, side: int, reach: float, move: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return where objects begin and end in each row of pixels: int64 [B, N, side], exclusive.

        Only pixels within `boxes`, int64 [B, N, 4], and of these all where |u| and |v| are at most
        `reach`, for the object itself or moved by `move`, float [B, N, 2]. Each side of the object
        bounds a half-plane; where an end is not beyond its beginning, the row holds nothing.
        """
        u, v, w = self._to_object.unbind(2)
        wide, high = (reach + self.waves[..., 0].abs())[..., None].unbind(2)
        sides = torch.stack([u - wide * w, -u - wide * w, v - high * w, -v - high * w], dim=2)
        along, down, rest = sides.unbind(-1)  # along x + down y + rest <= 0
        rest = rest - (along * move[..., :1] + down * move[..., 1:]).clamp(min=0)
        row = torch.arange(side, device=boxes.device)
        x = []
        for sign in (-1, 1):
            bounds = sign * along > 1e-3 * down.abs()  # a flatter side bounds no row well
            slope = torch.where(bounds, -down / along, 0.0)[..., None]
            start = torch.where(bounds, -rest / along, sign * math.inf)[..., None]
            x.append(sign * (sign * (slope * _middles(row, side) + start)).amin(dim=2))
        first, last = ((end + 1) * (side / 2) - 0.5 for end in x)
        left, top, right, bottom = boxes[..., None].unbind(2)
        begin = torch.maximum(first.floor(), left)  # a pixel more at both ends, against rounding
        end = torch.minimum(last.ceil() + 1, right)
        return begin.long(), (end * ((row >= top) & (row < bottom))).long()

    @cached_property
    def _to_object(self) -> Tensor:
        """Return the homographies from image to object coordinates, [B, N, 3, 3]."""
        return torch.linalg.inv(self.to_image)

    @cached_property
    def _columns(self) -> Tensor:
        """Return each object's numbers in one column [15, B * N]."""
        rows = torch.cat([self._to_object.flatten(2), self.waves.flatten(2)], dim=2)
        return rows.flatten(0, 1).T.contiguous()

    def on_object(self, item: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return u and v, float [n], of image points x, y on objects `item` (into B * N)."""
        h = [column.index_select(0, item) for column in self._columns]  # fastest a row at a time
        w = 1 / (h[6] * x + h[7] * y + h[8]).clamp(min=1e-3)
        u = (h[0] * x + h[1] * y + h[2]) * w
        v = (h[3] * x + h[4] * y + h[5]) * w
        return u + h[9] * torch.sin(h[10] * v + h[11]), v + h[12] * torch.sin(h[13] * u + h[14])


def draw_poses(draw: SceneRandom, size: Tensor, place: Tensor) -> Poses:
    """
    Return random poses of objects of that size [B, N] and place [B, N, 2].

    Turned any way, half of them flipped, stretched, tilted (perspective) and a third a little bent.
    """
    count = size.shape[1]
    aspect = torch.exp(0.15 * draw.normal((count,)))
    turn = draw.uniform((count,), 0, 2 * math.pi)
    flip = torch.where(draw.chance((count,), 0.5), -1.0, 1.0)
    tilt = 0.12 * draw.normal((count, 2)).clamp(-2, 2)
    cos, sin, wide, high = torch.cos(turn), torch.sin(turn), size * aspect * flip, size / aspect
    turned = torch.stack([
        torch.stack([cos * wide, -sin * high], dim=-1),
        torch.stack([sin * wide, cos * high], dim=-1)], dim=2)
    linear = turned + place[..., None] * tilt[..., None, :]  # the move is done after the tilt
    top = torch.cat([linear, place[..., None]], dim=3)
    bottom = torch.nn.functional.pad(tilt, (0, 1), value=1.0)[:, :, None]
    bend = draw.uniform((count, 1), -0.1, 0.05).clamp(min=0)
    waves = torch.stack([bend * draw.normal((count, 2)), draw.uniform((count, 2), 1, 5),
                         draw.uniform((count, 2), 0, 2 * math.pi)], dim=-1)
    return Poses(torch.cat([top, bottom], dim=2), waves, size, place)


class Pixels(NamedTuple):
    """
    All pixels of all rows, grouped by slot: first every scene's object 0, then every object 1.

    item   int64 [n], the object: index into B * N
    pixel  int64 [n], the pixel: index into B * side * side
    x, y   float [n], the pixel's middle in image coordinates
    """

    item: Tensor
    pixel: Tensor
    x: Tensor
    y: Tensor

    def select(self, chosen: Tensor) -> 'Pixels':
        """Return the pixels of those indices."""
        return Pixels(*(part.index_select(0, chosen) for part in self))


def pixels_of(begin: Tensor, end: Tensor) -> Pixels:
    """Return in one list the pixels of rows, from `begin` to before `end`, int64 [B, N, side]."""
    batch, slots, side = begin.shape
    begin, end = (part.transpose(0, 1).flatten() for part in (begin, end))
    counts = (end - begin).clamp(min=0)
    entry = torch.repeat_interleave(counts)
    place = torch.arange(len(entry), device=begin.device)
    number = torch.arange(len(counts), device=begin.device)
    row, scene, slot = number % side, number // side % batch, number // (side * batch)
    begin = begin - (counts.cumsum(0) - counts)
    column = begin.index_select(0, entry) + place
    pixel = ((scene * side + row) * side + begin).index_select(0, entry) + place
    return Pixels((scene * slots + slot).index_select(0, entry), pixel, _middles(column, side),
                  _middles(row, side).index_select(0, entry))


def _middles(pixel: Tensor, side: int) -> Tensor:
    """Return where the middles of pixels lie, int64 from 0 to side - 1, in -1 to 1."""
    return (pixel + 0.5) * (2 / side) - 1
