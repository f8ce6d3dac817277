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

    def read(self, picture: Tensor, level: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """
        Return what points show: float [n, 4] in 0 to 1, red, green, blue times alpha, and alpha.

        picture and level int64 [n]; u (right) and v (down) float [n], -1 to 1 over the picture.
        Between texels it is bilinear, outside of the picture 0.
        """
        index, share = self._around(picture, level, u, v)
        texels = self.texels.index_select(0, index).view(torch.uint8).reshape(4, -1, 4).float()
        found = texels[0] * share[0, :, None]
        for texel, part in zip(texels[1:], share[1:]):
            found += texel * part[:, None]  # thrice as fast as a product and sum of all four
        return found

    def read_alpha(self, picture: Tensor, level: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Return alpha alone, float [n] in 0 to 1, else like `read`."""
        index, share = self._around(picture, level, u, v)
        alpha = (self.texels.index_select(0, index) >> 24) & 0xFF
        return (alpha.reshape(4, -1) * share).sum(dim=0)

    def _around(self, picture: Tensor, level: Tensor, u: Tensor, v: Tensor,
                ) -> tuple[Tensor, Tensor]:
        """Return the four texels around each point, int64 [4 n], and their shares / 255, [4, n]."""
        side = self.sides.index_select(0, level)
        across = side.float()
        x, y = ((u + 1) * across - 1) / 2, ((v + 1) * across - 1) / 2
        column, share_x = _neighbours(x, across)
        row, share_y = _neighbours(y, across)
        within = (row[:, None] * across + column).long()  # exact: a picture has few texels
        index = self.starts.index_select(0, level) + picture * side * side + within
        return index.flatten(), (share_y[:, None] * share_x.div_(255)).flatten(0, 1)


def _neighbours(x: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return the two texels along one axis of points float [n], and their shares.

    Both float [2, n]; beyond `side` float [n] the share is 0 and the texel the last one.
    """
    low = x.floor()
    rest = x - low
    texel = torch.stack([low, low + 1])
    inside = (texel >= 0) & (texel < side)
    share = torch.stack([1 - rest, rest]).mul_(inside)
    return texel.clamp_(min=0).minimum(side - 1), share


def _packed(rgba: Tensor, side: int) -> Tensor:
    """Return pictures uint8 [n, 4, SIDE, SIDE] at `side`, alpha multiplied in: int32 [n side²]."""
    value = rgba.float()
    value[:, :3] *= value[:, 3:] / 255
    value = functional.adaptive_avg_pool2d(value, side).round().to(torch.uint8)
    return value.permute(0, 2, 3, 1).contiguous().view(torch.int32).flatten()
