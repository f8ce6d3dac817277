"""A batch of scenes and their truth: masks, order, layers (Eq. 1-2), samples of Alg. 1."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.scene import (
    AmodalObject,
    area_at,
    LayeredScene,
    occlusion_layers,
    occlusion_matrix,
)
import torch
from torch import Tensor
from torch.nn import functional

MIN_VISIBLE = 10  # pixels at 64 x 64; the paper drops what shows less (Sec. 5.1)
MIN_OVERLAP = 10  # pixels at 64 x 64; in a smaller contact nobody sees which lies on top
MAX_LAYERS = 8
REACH = 2  # pixels of a mask on either side of a seam: a thinner one leaks


@dataclass(frozen=True)
class Scenes:
    """
    A batch of scenes.

    image   float [B, 3, side, side], 0 to 1
    masks   bool [B, N, side, side], amodal masks from front to back; blank where there is none
    layers  int64 [B, N], Eq. 2's layer, 0 where there is no object
    known   Z of Eq. 1, bool [B, N, N], where it is known; else masks tell it
    """

    image: Tensor
    masks: Tensor
    layers: Tensor
    known: Tensor | None = None

    def replace(self, index: Tensor, others: 'Scenes') -> None:
        """Put other composed scenes of as many objects in place of those at `index`, int64 [n]."""
        for held, given in ((self.image, others.image), (self.masks, others.masks),
                            (self.layers, others.layers)):
            held.index_copy_(0, index, given)

    @property
    def visible(self) -> Tensor:
        """Return the visible masks, bool [B, N, side, side]: amodal minus all in front."""
        front = self.masks.cumsum(dim=1, dtype=torch.int16) - self.masks.to(torch.int16)
        return self.masks & (front == 0)

    @property
    def occluded_by(self) -> Tensor:
        """
        Return Z of Eq. 1, bool [B, N, N]: Z[b, i, j] if object i lies under object j.

        Of composed scenes those that overlap: objects that would only graze are taken out there.
        """
        if self.known is not None:
            return self.known
        least = area_at(MIN_OVERLAP, *self.masks.shape[2:])
        return overlaps_of(self.masks).tril(-1) >= max(least, 1)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Return one scene's image, uint8 RGB [side, side, 3]."""
        image = (self.image[index].permute(1, 2, 0) * 255).round().to(torch.uint8)
        return np.ascontiguousarray(image.cpu().numpy())

    def layered(self, index: int) -> LayeredScene:
        """Return one scene's truth; the only hypothesis of each object is itself."""
        masks = self.masks[index].cpu().numpy()
        masks = masks[masks.any(axis=(1, 2))]
        return layered_scene(masks, occlusion_matrix(masks))

    def samples(self, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """
        Return Alg. 1's training samples, one for each layer 1 .. N + 1 of each scene.

        scene int64 [n] (index into the batch), target and cumulative mask float
        [n, 1, size, size], 0 or 1; the target of step N + 1 is blank.
        """
        depth = self.layers.amax(dim=1)
        steps = torch.arange(1, int(depth.max()) + 2, device=depth.device)
        scene, step = torch.nonzero(steps[None] <= depth[:, None] + 1, as_tuple=True)
        layers, masks, step = self.layers[scene], self.masks[scene], steps[step]
        target = masks & (layers == step[:, None])[..., None, None]
        covered = masks & ((layers < step[:, None]) & (layers > 0))[..., None, None]
        return scene, _shrunk(target.any(1, keepdim=True), size), \
            _shrunk(covered.any(1, keepdim=True), size)

    def targets(self, scene: Tensor, covered: Tensor) -> Tensor:
        """
        Return what lies on top under any cumulative mask, true or predicted.

        Of the objects that `covered` leaves open, those with no open object on them: Alg. 1's
        target where the cumulative mask is true, recovery where it is not. An object is open if
        less than half of its visible mask is covered; of a true cumulative mask, no pixel is.
        scene int64 [n]; covered and the target float [n, 1, size, size], 0 or 1.
        """
        size = covered.shape[-1]
        masks, still_open = self._open(scene, covered)
        top = still_open & ~(self.occluded_by[scene] & still_open[:, None]).any(dim=2)
        return (masks * top[..., None]).amax(dim=1).reshape(-1, 1, size, size)

    def seams(self, scene: Tensor, covered: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return where different objects touch among those that a cumulative mask leaves open.

        Each pixel belongs to the foremost open object there; a seam is what lies within REACH
        pixels of two objects. Seams and the union of open objects, both float [n, 1, size, size];
        scene int64 [n]; covered float [n, 1, size, size], true or predicted.
        """
        size = covered.shape[-1]
        masks, still_open = self._open(scene, covered)
        there = masks * still_open[..., None]
        number = 1 + there.argmax(dim=1).reshape(-1, 1, size, size).float()
        inside = there.amax(dim=1).reshape(-1, 1, size, size)
        most = self.masks.shape[1] + 1.0
        highest = _largest_near(number * inside)
        lowest = most - _largest_near((most - number) * inside)
        return inside * (highest > lowest), inside

    def _open(self, scene: Tensor, covered: Tensor) -> tuple[Tensor, Tensor]:
        """Return masks float [n, N, size * size] and which are open under `covered`, [n, N]."""
        size = covered.shape[-1]
        masks = _shrunk(self.masks.flatten(0, 1)[:, None], size).reshape(
            *self.masks.shape[:2], size * size)
        visible = masks * (1 - masks.cumsum(dim=1).clamp(max=1).roll(1, dims=1))
        visible[:, 0] = masks[:, 0]
        hidden = (visible[scene] @ covered.flatten(1)[..., None])[..., 0]
        total = visible.sum(dim=2)[scene]
        return masks[scene], (total > 0) & (hidden < total / 2)


def joined(parts: Sequence[Scenes]) -> Scenes:
    """Return the scenes of all parts as one batch; parts of fewer objects get blank masks."""
    most = max(part.layers.shape[1] for part in parts)
    lacking = [most - part.layers.shape[1] for part in parts]
    known = None
    if any(part.known is not None for part in parts):
        known = torch.cat([functional.pad(part.occluded_by, (0, lack, 0, lack))
                           for part, lack in zip(parts, lacking)])
    return Scenes(
        torch.cat([part.image for part in parts]),
        torch.cat([functional.pad(part.masks, (0, 0, 0, 0, 0, lack))
                   for part, lack in zip(parts, lacking)]),
        torch.cat([functional.pad(part.layers, (0, lack)) for part, lack in zip(parts, lacking)]),
        known)


def layered_scene(masks: NDArray[np.bool_], z: NDArray[np.bool_]) -> LayeredScene:
    """
    Return amodal masks bool [N, height, width] and Z [N, N] of Eq. 1 as a scene, layer by layer.

    An object's only hypothesis is its mask. Raises OcclusionCycleError if objects occlude each
    other in a ring.
    """
    layers = occlusion_layers(z)
    order = np.argsort(layers, kind='stable')
    masks, layers, z = masks[order], layers[order], z[np.ix_(order, order)]
    height, width = masks.shape[1:]
    return LayeredScene(height, width, tuple(
        AmodalObject(i, int(layer), mask, mask[None], 1.0,
                     tuple((1 + np.flatnonzero(lying_on)).tolist()))
        for i, (mask, layer, lying_on) in enumerate(zip(masks, layers, z), start=1)))


def _shrunk(mask: Tensor, size: int) -> Tensor:
    """Return a mask bool [n, 1, side, side] as float [n, 1, size, size]: set if half is set."""
    return (functional.adaptive_avg_pool2d(mask.float(), size) >= 0.5).float()


def _largest_near(values: Tensor) -> Tensor:
    """Return the largest value within REACH pixels, [n, 1, size, size]."""
    return functional.max_pool2d(values, 2 * REACH + 1, stride=1, padding=REACH)


def overlaps_of(masks: Tensor) -> Tensor:
    """Return how many pixels each two of the masks bool [B, N, S, S] share, float [B, N, N]."""
    flat = masks.flatten(2).float()
    return flat @ flat.transpose(1, 2)


def clear_layers(masks: Tensor, min_visible: float, min_overlap: float,
                 max_layers: int = MAX_LAYERS) -> Tensor:
    """
    Return Eq. 2's layers, int64 [B, N], with 0 for objects that no one could label.

    These show fewer than `min_visible` pixels, graze an object before them (overlap it in some,
    but fewer than `min_overlap` pixels) or would lie deeper than `max_layers`. masks bool
    [B, N, S, S] from front to back; one walk is exact, because an object taken out neither hides
    nor lies on what is behind it.
    """
    flat = masks.flatten(2).float()
    overlaps = flat @ flat.transpose(1, 2)
    layers = torch.zeros(masks.shape[:2], dtype=torch.int64, device=masks.device)
    open_pixels = torch.ones_like(flat[:, 0])
    for i in range(masks.shape[1]):
        before = overlaps[:, i, :i] * (layers[:, :i] > 0)
        grazes = ((before > 0) & (before < min_overlap)).any(dim=1)
        layer = 1 + (layers[:, :i] * (before > 0)).amax(dim=1) if i else layers[:, 0] + 1
        visible = flat[:, i] * open_pixels
        shown = visible.sum(dim=1)
        clear = (shown >= max(min_visible, 1)) & ~grazes & (layer <= max_layers)
        layers[:, i] = layer * clear
        open_pixels.addcmul_(visible, clear[:, None].float(), value=-1)
    return layers
