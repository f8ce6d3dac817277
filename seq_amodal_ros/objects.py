"""From layers to objects: within a layer objects do not overlap, so its parts are its objects."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.parts import nearest_part, separated
from seq_amodal_ros.planning import in_pick_order
from seq_amodal_ros.scene import (
    AmodalObject,
    area_at,
    bounding_box,
    LayeredScene,
    Mask,
    occluded_by_layers,
    occlusion_layers,
)
from seq_amodal_ros.sequential import Layer, Probability

# Intersection over union from which two masks are one object; two of a heap may share much.
SAME_OBJECT = 0.8
# Pixels of a 64 x 64 image: masks that share fewer graze, which says nothing of who lies on whom.
# Chosen on validation scenes.
GRAZE = 2


@dataclass(frozen=True)
class _Found:
    """A connected part of a layer, at image scale."""

    layer: int
    mask: Mask
    hypotheses: NDArray[np.bool_]


def scene_from_layers(layers: list[Layer], height: int, width: int, min_area: int) -> LayeredScene:
    """
    Return the objects of `layers` at image scale.

    Connected parts of a layer's mask become objects. Left out is what shows less than `min_area`
    pixels (counted on the layers' grid): fragments and wholly hidden objects, which nobody can
    know; and what was found on a lower layer already (intersection over union >= SAME_OBJECT).
    What only grazes an object before it loses the pixels that both have. Layers are then counted
    anew by Eq. 2, object by object: what was found late but lies under nothing is on layer 1.
    """
    found: list[_Found] = []
    graze = area_at(GRAZE, height, width)
    covered = np.zeros((height, width), bool)
    for number, layer in enumerate(layers, start=1):
        least = max(1.0, min_area * height * width / layer.chosen.size)
        new = [part for part in _parts(number, layer, height, width, least)
               if np.count_nonzero(part.mask & ~covered) >= least
               and not any(_iou(part.mask, other.mask) >= SAME_OBJECT for other in found)]
        found += [_without_grazes(part, found, graze) for part in new]
        for part in new:
            covered |= part.mask
    return _numbered(found, height, width)


def _parts(number: int, layer: Layer, height: int, width: int, least: float) -> Iterator[_Found]:
    """Yield the connected parts of at least so many pixels, each with its share of hypotheses."""
    masks = [scaled(h, height, width) for h in (layer.chosen, *layer.hypotheses)]
    if not masks[0].any():  # a picture of few pixels lost it
        return
    box = bounding_box(np.logical_or.reduce(masks)).slices  # nothing beyond is looked at
    chosen, *hypotheses = (np.ascontiguousarray(mask[box]) for mask in masks)
    seams = None if layer.seams is None else \
        cv2.resize(layer.seams, (width, height), interpolation=cv2.INTER_LINEAR)[box]
    labels = separated(chosen, seams, least)
    areas = np.bincount(labels.ravel())
    nearest = nearest_part(labels)
    owners = np.stack([_owners(hypothesis, labels, nearest) for hypothesis in hypotheses])
    large = np.flatnonzero(areas[1:] >= least) + 1
    cut = (slice(None), *box)
    for part in large.tolist():
        mask = np.zeros((height, width), bool)
        shares = np.zeros((len(owners), height, width), bool)
        mask[box], shares[cut] = labels == part, owners == part
        yield _Found(number, mask, shares)


def _without_grazes(part: _Found, found: list[_Found], graze: float) -> _Found:
    """Return a part without what it shares with those before it, where that is under `graze`."""
    box = bounding_box(part.mask).slices
    mask = part.mask[box].copy()
    for other in found:
        shared = part.mask[box] & other.mask[box]
        if np.count_nonzero(shared) < graze:
            mask &= ~shared
    whole = np.zeros_like(part.mask)
    whole[box] = mask
    return replace(part, mask=whole)


def _owners(hypothesis: Mask, labels: NDArray[np.int32], nearest: NDArray[np.int32],
            ) -> NDArray[np.int32]:
    """
    Return for each pixel of a hypothesis the part that it belongs to, 0 if to none.

    A part's share is what is nearest to it of the islands that it touches.
    """
    count, island = cv2.connectedComponents(hypothesis.astype(np.uint8), connectivity=4)
    parts = labels.max() + 1
    touches = np.zeros(count * parts, bool)  # [island, part], flat: looked up several times faster
    touches[(island * parts + labels)[labels > 0]] = True
    touches[:parts] = False
    return nearest * touches.take(island * parts + nearest)


def scaled(probability: Probability, height: int, width: int) -> Mask:
    """
    Return a mask at image scale, bool [height, width], of its probability at the layers'.

    Cubic, since linear cuts the tips of rounded outlines.
    """
    return cv2.resize(probability, (width, height), interpolation=cv2.INTER_CUBIC) > 0.5


def _iou(a: Mask, b: Mask) -> float:
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 0.0


def _agreement(mask: Mask, hypotheses: NDArray[np.bool_]) -> float:
    """Return the mean intersection over union of the hypotheses with the mask, 0 to 1."""
    rows, columns = bounding_box(mask | hypotheses.any(axis=0)).slices
    return float(np.mean([_iou(h[rows, columns], mask[rows, columns]) for h in hypotheses]))


def _numbered(found: list[_Found], height: int, width: int) -> LayeredScene:
    """Return the scene with layers by Eq. 2 and ids in pick order."""
    z = occluded_by_layers([part.mask for part in found], [part.layer for part in found])
    layers = occlusion_layers(z)
    return in_pick_order(LayeredScene(height, width, tuple(
        AmodalObject(i, int(layer), part.mask, part.hypotheses,
                     _agreement(part.mask, part.hypotheses),
                     tuple((np.flatnonzero(row) + 1).tolist()))
        for i, (part, layer, row) in enumerate(zip(found, layers, z), start=1))))
