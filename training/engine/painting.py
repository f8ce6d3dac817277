"""Painting: objects laid over their background, the hindmost first."""

from collections.abc import Iterator

import torch
from torch import Tensor
from training.engine.warps import Pixels


def painted(canvas: Tensor, points: Pixels, rgba: Tensor, shadow: Tensor, most: int) -> Tensor:
    """
    Return backgrounds float [B, 3, side, side] with up to `most` objects on each; uses them up.

    points are grouped by slot, front to back; rgba float [4, n] is what they show, colour times
    alpha; shadow float [n], 0 (light) to 1 (black), falls on what lies beneath.
    """
    flat = canvas.transpose(0, 1).flatten(1)
    slot = torch.arange(len(canvas) * most, device=canvas.device) % most
    for part in reversed(list(_slots(slot.index_select(0, points.item), most))):
        paint(flat, points.pixel[part], rgba[:, part], shadow[part])
    return flat.reshape(3, len(canvas), *canvas.shape[2:]).transpose(0, 1)


def paint(canvas: Tensor, pixel: Tensor, rgba: Tensor, shadow: Tensor) -> None:
    """
    Lay points of one object a scene over the canvas, in place, with the shadow they cast.

    canvas float [3, pixels]; pixel int64 [n], none twice; rgba and shadow as above.
    """
    shown = (1 - rgba[3]) * (1 - shadow)
    for plane, colour in zip(canvas, rgba):
        plane.index_copy_(0, pixel, plane.index_select(0, pixel) * shown + colour)


def _slots(slot: Tensor, most: int) -> Iterator[slice]:
    """Yield where each slot's points stand in a list that is grouped by slot."""
    ends = torch.searchsorted(slot, torch.arange(most, device=slot.device), right=True).tolist()
    return (slice(begin, end) for begin, end in zip([0, *ends[:-1]], ends))
