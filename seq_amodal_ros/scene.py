"""
The ground: objects, occlusion layers and cumulative masks (paper Sec. 3, Eq. 1-3).

Names used everywhere in this package:

amodal mask      every pixel of an object, seen and hidden
visible mask     the amodal mask minus what lies in front
occlusion layer  1 = nothing lies on the object; i = its deepest occluder is on layer i - 1
cumulative mask  the union of all amodal masks on lower-numbered layers
hypothesis       one of K sampled answers for the same amodal mask

Masks are bool arrays [height, width]; rows grow downwards, columns to the right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

MAX_PIXELS = 1 << 26  # of an image: what messages and files may ask memory for


class SceneError(ValueError):
    """A scene that cannot exist; the message names the object and the reason."""


class OcclusionCycleError(SceneError):
    """Objects that occlude each other in a ring have no layer order."""


class MaskError(SceneError):
    """A mask of wrong type, size or content."""


class Box(NamedTuple):
    """Axis-aligned box in pixels: left column, top row, width, height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices that cut the box out of an image."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def common(self, other: 'Box') -> 'Box':
        """Return the box that two share; of width or height 0 where they share nothing."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Box(x, y, max(0, min(self.x + self.width, other.x + other.width) - x),
                   max(0, min(self.y + self.height, other.y + other.height) - y))


def check_mask(mask: NDArray, name: str, shape: tuple[int, int] | None = None) -> Mask:
    """
    Return `mask` as a bool array [height, width].

    Raises MaskError, naming `name`, unless it is two-dimensional, bool (or holds only 0 and 1)
    and, if `shape` is given, of that shape.
    """
    mask = np.asarray(mask)
    if mask.ndim != 2 or 0 in mask.shape:
        raise MaskError(f'{name}: a mask must be [height, width], got shape {mask.shape}')
    if shape is not None and mask.shape != tuple(shape):
        raise MaskError(f'{name}: mask is {mask.shape[1]}x{mask.shape[0]}, '
                        f'the image is {shape[1]}x{shape[0]}')
    if mask.dtype != np.bool_:
        if not np.isin(mask, (0, 1)).all():
            raise MaskError(f'{name}: a mask holds only 0 and 1, got dtype {mask.dtype} with '
                            f'values {mask.min()} to {mask.max()}')
        mask = mask.astype(bool)
    return mask


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest Box that holds every set pixel; of width and height 0 if none is."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return Box(0, 0, 0, 0)
    return Box(int(columns[0]), int(rows[0]),
               int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1))


def area_at(pixels: float, height: int, width: int) -> float:
    """Return an area that is told in pixels of a 64 x 64 image in those of height x width."""
    return pixels * height * width / 64 ** 2


def occlusion_matrix(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """
    Return Z [N, N] of amodal masks [N, height, width] given from front to back (Eq. 1).

    Z[i, j] is True if object i is occluded by j: j is nearer and their amodal masks overlap.
    """
    masks = np.asarray(masks, bool)
    flat = masks.reshape(len(masks), math.prod(masks.shape[1:])).astype(np.float32)
    overlap = flat @ flat.T > 0
    return np.tril(overlap, k=-1)


def occlusion_layers(z: NDArray[np.bool_]) -> NDArray[np.int64]:
    """
    Return each object's layer [N], counted from 1, of the occlusion matrix Z [N, N] (Eq. 2).

    S_i = {j : Z[i, j]}; L_i = 1 if S_i is empty, else 1 + max of L_j over S_i.
    Raises OcclusionCycleError, naming the objects, if some occlude each other in a ring.
    """
    z = np.asarray(z, bool)
    layers = np.zeros(len(z), np.int64)
    open_objects = np.ones(len(z), bool)
    layer = 0
    while open_objects.any():
        layer += 1
        ready = open_objects & ~(z & open_objects).any(axis=1)
        if not ready.any():
            ring = _cycle(z & open_objects & open_objects[:, None])
            raise OcclusionCycleError('occlusion cycle: ' + ' is occluded by '.join(
                f'object {i}' for i in (*ring, ring[0])))
        layers[ready] = layer
        open_objects &= ~ready
    return layers


def _cycle(z: NDArray[np.bool_]) -> list[int]:
    """Walk from occluded to occluder until an object comes up again; return that ring."""
    path = [int(np.flatnonzero(z.any(axis=1))[0])]
    while True:
        occluder = int(np.flatnonzero(z[path[-1]])[0])
        if occluder in path:
            return path[path.index(occluder):]
        path.append(occluder)


def layer_masks(masks: NDArray[np.bool_], layers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the union of amodal masks on each layer, [max layer, height, width]."""
    masks, layers = np.asarray(masks, bool), np.asarray(layers)
    unions = [masks[layers == layer].any(axis=0) for layer in range(1, max(layers, default=0) + 1)]
    return np.array(unions, bool).reshape(len(unions), *masks.shape[1:])


def cumulative_masks(layered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """
    Return CM_0 .. CM_N, [N + 1, height, width], of layer masks [N, height, width] (Eq. 3).

    CM_0 is blank; CM_i is the union of layers 1 to i, so layer i + 1 is segmented given CM_i.
    """
    layered = np.asarray(layered, bool)
    blank = np.zeros((1, *layered.shape[1:]), bool)
    return np.concatenate([blank, np.logical_or.accumulate(layered, axis=0)])


@dataclass(frozen=True, eq=False)
class AmodalObject:
    """
    One object, whole.

    id          positive, unique within its scene, counted in pick order
    layer       occlusion layer, 1 = nothing lies on it
    mask        amodal mask, bool [height, width], never empty
    hypotheses  K sampled amodal masks, bool [K, height, width]; some may be empty
    score       agreement of the hypotheses with `mask`, 0 to 1
    occluders   ids of the objects that lie on it directly (S_i of Eq. 1), ascending
    """

    id: int  # noqa: A003
    layer: int
    mask: Mask
    hypotheses: NDArray[np.bool_]
    score: float
    occluders: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raise MaskError or SceneError, naming the object, for what cannot be."""
        name = f'object {self.id}'
        if check_mask(self.mask, name).dtype != self.mask.dtype:
            raise MaskError(f'{name}: masks must be bool arrays, got {self.mask.dtype}')
        if not self.mask.any():
            raise MaskError(f'{name}: its amodal mask is empty')
        if self.hypotheses.dtype != np.bool_ or self.hypotheses.shape[1:] != self.mask.shape:
            raise MaskError(f'{name}: hypotheses must be bool [K, {self.mask.shape[0]}, '
                            f'{self.mask.shape[1]}], got {self.hypotheses.dtype} '
                            f'{list(self.hypotheses.shape)}')
        if self.id < 1 or self.layer < 1:
            raise SceneError(f'{name}: id and layer count from 1, got layer {self.layer}')
        if not 0.0 <= self.score <= 1.0:
            raise SceneError(f'{name}: score must lie in 0 to 1, got {self.score}')

    @cached_property
    def box(self) -> Box:
        """Box of the amodal mask."""
        return bounding_box(self.mask)

    @cached_property
    def area(self) -> int:
        """Pixels of the amodal mask."""
        return int(np.count_nonzero(self.mask))


@dataclass(frozen=True, eq=False)
class LayeredScene:
    """All objects of one image, layer by layer; found ones in pick order (planning.py)."""

    height: int
    width: int
    objects: tuple[AmodalObject, ...]

    def __post_init__(self) -> None:
        """Raise MaskError or SceneError, naming the object, for what does not fit together."""
        layer_of: dict[int, int] = {}
        for item in self.objects:
            check_mask(item.mask, f'object {item.id}', (self.height, self.width))
            if item.id in layer_of:
                raise SceneError(f'object {item.id}: the id is used twice')
            layer_of[item.id] = item.layer
        for item in self.objects:
            for occluder in item.occluders:
                if occluder not in layer_of:
                    raise SceneError(f'object {item.id}: occluder {occluder} is not in the scene')
                if layer_of[occluder] >= item.layer:
                    raise SceneError(f'object {item.id} on layer {item.layer}: occluder '
                                     f'{occluder} must lie on a lower layer, not on '
                                     f'{layer_of[occluder]}')

    @property
    def depth(self) -> int:
        """Return the number of layers."""
        return max((item.layer for item in self.objects), default=0)

    def __getitem__(self, object_id: int) -> AmodalObject:
        """Return the object of that id; KeyError if there is none."""
        for item in self.objects:
            if item.id == object_id:
                return item
        raise KeyError(f'no object {object_id} in this scene')

    def layer_mask(self, layer: int) -> Mask:
        """Return the union of the amodal masks on `layer`, bool [height, width]."""
        return self._union(item.mask for item in self.objects if item.layer == layer)

    def cumulative_mask(self, layer: int) -> Mask:
        """Return the cumulative mask under which `layer` was segmented: all lower layers."""
        return self._union(item.mask for item in self.objects if item.layer < layer)

    def visible_mask(self, item: AmodalObject) -> Mask:
        """Return the object's amodal mask minus what lies in front, bool [height, width]."""
        return item.mask & ~self.cumulative_mask(item.layer)

    def visible_fraction(self, item: AmodalObject) -> float:
        """Return visible pixels over amodal pixels, 0 to 1."""
        return int(np.count_nonzero(self.visible_mask(item))) / item.area

    def uncertainty(self) -> NDArray[np.float32]:
        """
        Return where hypotheses disagree, float32 [height, width], 0 (all agree) to 1 (halved).

        Four times the variance of the K binary answers at a pixel; the largest over objects.
        """
        result = np.zeros((self.height, self.width), np.float32)
        for item in self.objects:
            if len(item.hypotheses):
                rows, columns = bounding_box(np.asarray(item.hypotheses.any(axis=0))).slices
                mean = item.hypotheses[:, rows, columns].mean(axis=0, dtype=np.float32)
                np.maximum(result[rows, columns], 4 * mean * (1 - mean),
                           out=result[rows, columns])
        return result

    def _union(self, masks: Iterable[Mask]) -> Mask:
        result = np.zeros((self.height, self.width), bool)
        for mask in masks:
            result |= mask
        return result


def likelihood(hypotheses: NDArray[np.bool_]) -> NDArray[np.float32]:
    """
    Return how likely a hidden pixel is the object's, float32 [height, width], 0 to 1.

    hypotheses bool [K, height, width], K at least 1. (c + 1/2) / (K + 1) where c of them hold the
    pixel: nested ones cut the probability into K + 1 equal parts, and this is a part's middle; of
    samples it is the Krichevsky-Trofimov estimate (1981), which no small K makes certain.
    """
    held = hypotheses.sum(axis=0, dtype=np.float32)
    return (held + 0.5) / (len(hypotheses) + 1)


def occluded_by_layers(masks: Sequence[Mask], layers: Sequence[int]) -> NDArray[np.bool_]:
    """Return Z [N, N] of Eq. 1 by known layers: what overlaps from a lower one lies on it."""
    boxes = [bounding_box(mask) for mask in masks]
    z = np.zeros((len(masks), len(masks)), bool)
    for i, j in np.argwhere(np.less.outer(layers, layers).T):
        z[i, j] = _overlap(masks[i], masks[j], boxes[i].common(boxes[j]))
    return z


def _overlap(one: Mask, other: Mask, within: Box) -> bool:
    return bool((one[within.slices] & other[within.slices]).any())
