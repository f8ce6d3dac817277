"""
The compositor: batches of scenes by tensor operations, with exact masks and layers, on any device.

Objects are cutouts, warped and lit, stacked on a background from back to front. Amodal masks,
Eq. 1-2 layers and Alg. 1's blank step N + 1 follow exactly from the stack.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math

import torch
from torch import Tensor
from torch.nn import functional
from training.cutouts import Cutouts

MIN_VISIBLE = 10  # pixels at 64 x 64; the paper drops what shows less (Sec. 5.1)
MIN_OVERLAP = 10  # pixels at 64 x 64; in a smaller contact nobody sees which lies on top


@dataclass(frozen=True)
class Scenes:
    """
    A batch of scenes.

    image   float [B, 3, side, side], 0 to 1
    masks   bool [B, N, side, side], amodal masks from front to back; blank where there is none
    layers  int64 [B, N], Eq. 2's layer, 0 where there is no object
    """

    image: Tensor
    masks: Tensor
    layers: Tensor

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
        masks = _shrunk(self.masks.flatten(0, 1)[:, None], size).reshape(
            *self.masks.shape[:2], size * size)
        visible = masks * (1 - masks.cumsum(dim=1).clamp(max=1).roll(1, dims=1))
        visible[:, 0] = masks[:, 0]
        hidden = (visible[scene] @ covered.flatten(1)[..., None])[..., 0]
        total = visible.sum(dim=2)[scene]
        still_open = (total > 0) & (hidden < total / 2)
        lies_under = overlaps_of(self.masks).tril(-1)[scene] > 0
        top = still_open & ~(lies_under & still_open[:, None]).any(dim=2)
        union = (masks[scene] * top[..., None]).amax(dim=1)
        return union.reshape(-1, 1, size, size)


class Compositor:
    """Draws scenes without end from sources of cutouts; equal seeds give equal scenes."""

    def __init__(self, sources: Sequence[Cutouts], weights: Sequence[float], side: int = 128,
                 objects: tuple[int, int] = (1, 8), device: str = 'cpu', seed: int = 0) -> None:
        """
        Mix `sources` by `weights`; scenes are `side` pixels a side and hold `objects`.

        `objects` is (fewest, most); unclear ones are left out of the scene afterwards.

        Raises ValueError for empty sources or weights that do not match them.
        """
        if not sources or len(weights) != len(sources) or not all(len(s) for s in sources):
            raise ValueError(f'{len(sources)} sources of {[len(s) for s in sources]} cutouts do '
                             f'not go with weights {list(weights)}; none may be empty')
        if not 1 <= objects[0] <= objects[1]:
            raise ValueError(f'objects must be (fewest, most) from 1 up, got {objects}')
        self.atlas = torch.cat([s.rgba for s in sources]).to(device)
        self.counts = torch.tensor([len(s) for s in sources], device=device)
        self.starts = self.counts.cumsum(0) - self.counts
        self.log_weights = torch.tensor(weights, device=device).log()
        self.side, self.objects, self.device = side, objects, torch.device(device)
        self.generator = torch.Generator(self.device).manual_seed(seed)

    def scenes(self, batch: int) -> Scenes:
        """Compose `batch` new scenes."""
        rgba = self._warped(batch, self.objects[1])
        wanted = self._integers(self.objects[0], self.objects[1] + 1, (batch, 1))
        alive = torch.arange(self.objects[1], device=self.device) < wanted
        masks = (rgba[:, :, 3] >= 0.5) & alive[..., None, None]
        pixel = (self.side / 64) ** 2
        masks, alive = drop_unclear(masks, MIN_VISIBLE * pixel, MIN_OVERLAP * pixel)
        rgba[:, :, 3] *= alive[..., None, None]
        return Scenes(self._composed(rgba), masks, layers_of(masks))

    def _warped(self, batch: int, most: int) -> Tensor:
        """Return cutouts, turned, scaled, placed and lit: float [B, N, 4, side, side]."""
        count, side = batch * most, self.side
        pictures = self.atlas[self._chosen(batch, most)].float() / 255
        size = torch.exp(self._uniform((batch, 1), math.log(0.17), math.log(0.42)))
        size = (size * torch.exp(self._normal((batch, most)) * 0.3)).clamp(0.07, 0.55).reshape(-1)
        aspect = torch.exp(self._normal((count,)) * 0.15)
        turn = self._uniform((count,), 0, 2 * math.pi)
        flip = torch.where(self._uniform((count,), 0, 1) < 0.5, -1.0, 1.0)
        spread = self._uniform((batch, 1, 1), 0.15, 0.75)
        middle = self._uniform((batch, 1, 2), -0.3, 0.3)
        place = (middle + spread * self._normal((batch, most, 2)).clamp(-1.8, 1.8))
        place = place.clamp(-0.95, 0.95).reshape(count, 2)
        cos, sin = torch.cos(turn), torch.sin(turn)
        inverse = torch.stack([
            torch.stack([cos * flip / (size * aspect), sin * flip / (size * aspect)], -1),
            torch.stack([-sin * aspect / size, cos * aspect / size], -1)], 1)
        theta = torch.cat([inverse, -inverse @ place[..., None]], dim=2)
        grid = functional.affine_grid(theta, [count, 4, side, side], align_corners=False)
        warped = functional.grid_sample(pictures, grid, align_corners=False)
        gain = 1 + 0.25 * self._normal((count, 1, 1, 1)) + 0.06 * self._normal((count, 3, 1, 1))
        slope = 0.25 * self._normal((count, 2, 1, 1))
        shading = 1 + slope[:, :1] * grid[None, ..., 0].transpose(0, 1) + \
            slope[:, 1:] * grid[None, ..., 1].transpose(0, 1)
        warped[:, :3] *= gain.clamp(0.4, 1.6) * shading.clamp(0.5, 1.4)
        return warped.reshape(batch, most, 4, side, side)

    def _composed(self, rgba: Tensor) -> Tensor:
        """Paint from back to front, each object over the shadow it casts."""
        batch, most = rgba.shape[:2]
        image = self._background(batch, rgba.shape[-1])
        dark = self._uniform((batch, 1, 1, 1), 0, 0.6)
        shift = self._integers(-3, 4, (2,)).tolist()
        for i in reversed(range(most)):
            colour, alpha = rgba[:, i, :3], rgba[:, i, 3:]
            shadow = functional.avg_pool2d(alpha.roll(shift, (2, 3)), 7, 1, 3)
            image = image * (1 - dark * shadow)
            image = image + alpha * (colour - image)
        return self._developed(image)

    def _background(self, batch: int, side: int) -> Tensor:
        """Return smooth noise of several scales between two colours, [B, 3, side, side]."""
        tones = self._uniform((batch, 2, 3, 1, 1), 0, 1)
        noise = torch.zeros(batch, 1, side, side, device=self.device)
        for cells in (2, 5, 16, 48):
            coarse = self._normal((batch, 1, cells, cells))
            strength = self._uniform((batch, 1, 1, 1), 0, 1) * (2 / cells) ** 0.3
            noise += strength * functional.interpolate(coarse, (side, side), mode='bilinear')
        stripes = torch.sin(torch.arange(side, device=self.device) *
                            self._uniform((batch, 1, 1, 1), 0.05, 0.8))
        noise += stripes * self._uniform((batch, 1, 1, 1), -1, 1).clamp(min=0)
        mix = torch.sigmoid(noise * self._uniform((batch, 1, 1, 1), 0, 3))
        return tones[:, 0] * mix + tones[:, 1] * (1 - mix)

    def _developed(self, image: Tensor) -> Tensor:
        """Add what a camera adds: gain, colour cast, gamma, some blur, noise."""
        batch = len(image)
        image = image * (1 + 0.12 * self._normal((batch, 1, 1, 1)) +
                         0.04 * self._normal((batch, 3, 1, 1)))
        image = image.clamp(1e-3, 1) ** torch.exp(0.2 * self._normal((batch, 1, 1, 1)))
        blurred = functional.avg_pool2d(functional.pad(image, (1, 1, 1, 1), mode='replicate'), 3, 1)
        blur = self._uniform((batch, 1, 1, 1), -0.6, 0.9).clamp(min=0)
        image = image + blur * (blurred - image)
        grain = self._uniform((batch, 1, 1, 1), 0, 0.03)
        return (image + grain * self._normal(tuple(image.shape))).clamp(0, 1)

    def _chosen(self, batch: int, most: int) -> Tensor:
        """Return atlas indices [B * N]; scenes lean to one source each, so piles look alike."""
        leaning = self.log_weights + 2 * self._normal((batch, len(self.counts)))
        source = torch.multinomial(leaning.softmax(1), most, True, generator=self.generator)
        source = source.reshape(-1)
        part = self._uniform((len(source),), 0, 1)
        return self.starts[source] + (part * self.counts[source]).long().clamp(
            max=self.counts[source] - 1)

    def _uniform(self, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        draw = torch.rand(shape, generator=self.generator, device=self.device)
        return draw * (high - low) + low

    def _normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def _integers(self, low: int, high: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(low, high, shape, generator=self.generator, device=self.device)


def _shrunk(mask: Tensor, size: int) -> Tensor:
    """Return a mask bool [n, 1, side, side] as float [n, 1, size, size]: set if half is set."""
    return (functional.adaptive_avg_pool2d(mask.float(), size) >= 0.5).float()


def drop_unclear(masks: Tensor, min_visible: float, min_overlap: float) -> tuple[Tensor, Tensor]:
    """
    Take out objects that no one could label; return masks and bool [B, N] kept.

    These show fewer than `min_visible` pixels, or graze an object before them: they overlap it in
    some, but fewer than `min_overlap` pixels. masks bool [B, N, S, S] from front to back. One walk
    from front to back is exact: an object taken out no longer hides what lies behind it.
    """
    covered = torch.zeros_like(masks[:, 0])
    overlaps = overlaps_of(masks)
    alive = torch.zeros(masks.shape[:2], dtype=torch.bool, device=masks.device)
    for i in range(masks.shape[1]):
        visible = (masks[:, i] & ~covered).sum(dim=(1, 2))
        before = overlaps[:, i, :i]
        grazes = ((before > 0) & (before < min_overlap) & alive[:, :i]).any(dim=1)
        alive[:, i] = (visible >= max(min_visible, 1)) & ~grazes
        covered = covered | (masks[:, i] & alive[:, i, None, None])
    return masks & alive[..., None, None], alive


def overlaps_of(masks: Tensor) -> Tensor:
    """Return how many pixels each two of the masks bool [B, N, S, S] share, float [B, N, N]."""
    flat = masks.flatten(2).float()
    return flat @ flat.transpose(1, 2)


def layers_of(masks: Tensor) -> Tensor:
    """
    Return Eq. 2's layers, int64 [B, N], of masks bool [B, N, S, S] from front to back.

    A blank mask has layer 0. Equal to scene.occlusion_layers, for a batch on any device.
    """
    overlaps = overlaps_of(masks) > 0
    layers = torch.zeros(masks.shape[:2], dtype=torch.int64, device=masks.device)
    for i in range(masks.shape[1]):
        nearer = (layers[:, :i] * overlaps[:, i, :i]).amax(dim=1) if i else layers[:, 0]
        layers[:, i] = torch.where(overlaps[:, i, i], nearer + 1, 0)
    return layers
