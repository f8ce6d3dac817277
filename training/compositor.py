"""
The compositor: batches of scenes by tensor operations, with exact masks and layers, on any device.

Objects are cutouts, warped and lit, stacked on a background from back to front. Amodal masks,
Eq. 1-2 layers and Alg. 1's blank step N + 1 follow exactly from the stack. The shipped weights
were trained on these scenes; training.engine makes richer ones, for the next.
"""

from collections.abc import Sequence
import math

import torch
from torch import Tensor
from torch.nn import functional
from training.cutouts import Cutouts
from training.engine.scenes import clear_layers, MIN_OVERLAP, MIN_VISIBLE, Scenes


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
        layers = clear_layers(masks, MIN_VISIBLE * pixel, MIN_OVERLAP * pixel)
        clear = (layers > 0)[..., None, None]
        rgba[:, :, 3] *= clear
        return Scenes(self._composed(rgba), masks & clear, layers)

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
