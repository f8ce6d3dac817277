"""
The atlas: every cutout in several resolutions in one buffer, read at any points of any of them.

A small object is read from a small picture of it, so nothing aliases (Williams 1983, mipmaps), and
from a still smaller one for its soft shadow. Colours are multiplied by alpha, so no rim darkens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from training.cutouts import Cutouts, SIDE

LEVELS = 4  # SIDE, SIDE / 2, ...: enough for objects of 8 pixels
BORDER = 3  # texels of nothing before (1) and behind a row: what is read beside a picture


class Atlas:
    """Cutouts on a device; a texel is four bytes, so a point costs four reads of one number."""

    def __init__(self, sources: Sequence[Cutouts], device: torch.device) -> None:
        """Put all pictures of `sources`, one after another, onto the device."""
        rgba = torch.cat([source.rgba for source in sources])
        self.sides = torch.tensor([SIDE >> level for level in range(LEVELS)], device=device)
        texels, starts, start = [], [], 0
        for side in self.sides.tolist():
            packed = torch.cat([_packed(part, side) for part in rgba.split(512)])
            texels.append(packed)
            starts.append(start)
            start += len(packed)
        self.texels = torch.cat(texels).to(device)
        self.starts = torch.tensor(starts, device=device)

    def level_of(self, pixels: Tensor) -> Tensor:
        """Return the level whose pictures are about as large as objects of that many pixels."""
        return torch.log2(SIDE / pixels).round().long().clamp(0, LEVELS - 1)

    def soft(self, level: Tensor) -> Tensor:
        """Return the level of soft shadows of objects that are read from `level`."""
        return (level + 2).clamp(max=LEVELS - 1)

    def read(self, picture: Tensor, level: Tensor, item: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """
        Return what points show: float [4, n] in 0 to 1, red, green, blue times alpha, and alpha.

        picture and level int64 [m], of each item; item int64 [n], of each point; u (right) and v
        (down) float [n], -1 to 1 over the picture. Between texels it is bilinear, outside 0.
        """
        texels, share = self._around(picture, level, item, u, v)
        return torch.stack([_mean(colour, share) for colour in texels.unbind(2)])

    def read_alpha(self, picture: Tensor, level: Tensor, item: Tensor, u: Tensor, v: Tensor,
                   ) -> Tensor:
        """Return alpha alone, float [n] in 0 to 1, else like `read`."""
        texels, share = self._around(picture, level, item, u, v)
        return _mean(texels[..., 3], share)

    def _around(self, picture: Tensor, level: Tensor, item: Tensor, u: Tensor, v: Tensor,
                ) -> tuple[Tensor, Tensor]:
        """Return the four texels around points, uint8 [4, n, 4], and their shares / 255, [4, n]."""
        side = self.sides.index_select(0, level)
        start = self.starts.index_select(0, level) + picture * (side + BORDER) ** 2
        across = side.float().index_select(0, item)
        column, right = _texel(u, across)
        row, below = _texel(v, across)
        wide = across + BORDER
        first = (row * wide + column).long()  # exact: a picture has few texels
        first += start.index_select(0, item)
        second = first + wide.long()
        texels = self.texels.index_select(0, torch.cat([first, first + 1, second, second + 1]))
        left, right = (1 - right) / 255, right / 255
        above = 1 - below
        return (texels.view(torch.uint8).reshape(4, -1, 4),
                torch.stack([above * left, above * right, below * left, below * right]))


def _texel(u: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """Return which texel is before points along one axis, the border's 0, and how far they are."""
    x = (((u + 1) * side - 1) / 2).clamp_(min=-1).minimum(side)
    before = x.floor()
    return before + 1, x - before


def _mean(byte: Tensor, share: Tensor) -> Tensor:
    """Return the mean, [n], of four texels' bytes, uint8 [4, n], by their shares."""
    part = byte.float().mul_(share)
    return (part[0] + part[1]).add_(part[2]).add_(part[3])


def _packed(rgba: Tensor, side: int) -> Tensor:
    """Return pictures uint8 [n, 4, SIDE, SIDE] at `side`, alpha multiplied in, in a rim: int32."""
    value = rgba.float()
    value[:, :3] *= value[:, 3:] / 255
    value = functional.adaptive_avg_pool2d(value, side).round().to(torch.uint8)
    value = functional.pad(value, (1, BORDER - 1, 1, BORDER - 1))
    return value.permute(0, 2, 3, 1).contiguous().view(torch.int32).flatten()
