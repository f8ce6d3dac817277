"""
Scenes a second of the data engine, beside a plain OpenCV loop, in one run.

    make bench

The loop does what the engine does for the protocol `mixed`, an object at a time, as one would
write it first: warp, bend, light, shadow, paint, masks, layers, a background, a camera. They take
turns, so that a busy machine slows both. A report; asserts nothing.
"""

import math
import os
import platform
import time

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.scene import area_at, occlusion_layers, occlusion_matrix
import torch
from training.cutouts import SIDE
from training.engine.compositor import Compositor
from training.engine.protocols import Protocol, read_protocol
from training.engine.scenes import MIN_VISIBLE
from training.engine.shapes import procedural_cutouts

ROUNDS = 5
COUNTS = {64: (256, 64), 256: (32, 16)}  # side: scenes a round of the engine, of the loop
GPU_COUNTS = {64: 2048, 256: 256}
CUTOUTS = 300


class PlainLoop:
    """Scenes one after another, objects one after another, with OpenCV and numpy."""

    def __init__(self, rgba: NDArray[np.uint8], protocol: Protocol, side: int) -> None:
        """Take cutouts uint8 [n, SIDE, SIDE, 4]."""
        self.rgba, self.protocol, self.side = rgba, protocol, side
        self.rng = np.random.default_rng(0)

    def scene(self) -> tuple[NDArray, NDArray, NDArray]:
        """Return image uint8 [side, side, 3], masks bool [N, side, side], layers int [N]."""
        rng, given, side = self.rng, self.protocol, self.side
        image = self._background()
        middle, spread = rng.uniform(-0.3, 0.3, 2), rng.uniform(*given.crowding)
        size = math.exp(rng.uniform(*np.log(given.size)))
        dark, shift = rng.uniform(0, given.shadow), rng.normal(0, 0.1, 2)
        drawn = []
        for _ in range(rng.integers(given.objects[0], given.objects[1] + 1)):
            own = np.clip(size * math.exp(given.size_spread * rng.normal()), 0.07, 0.7)
            place = np.clip(middle + spread * rng.normal(size=2), -0.95, 0.95)
            drawn.append(self._object(own, place))
        for layer in drawn:
            alpha = layer[..., 3:]
            move = np.array([[1, 0, shift[0] * size * side], [0, 1, shift[1] * size * side]])
            soft = cv2.GaussianBlur(alpha, (0, 0), 0.05 * size * side + 0.5)
            soft = cv2.warpAffine(soft, move, (side, side))[..., None]
            image = image * (1 - dark * soft)
            image = image * (1 - alpha) + layer[..., :3]
        masks = np.array([o[..., 3] >= 0.5 for o in reversed(drawn)])
        masks = self._clear(masks)
        layers = occlusion_layers(occlusion_matrix(masks))
        return self._developed(image), masks, layers

    def _object(self, size: float, place: NDArray) -> NDArray:
        rng, side = self.rng, self.side
        cutout: NDArray = self.rgba[rng.integers(len(self.rgba))].astype(np.float32) / 255
        cutout[..., :3] *= cutout[..., 3:]
        cutout[..., :3] *= np.clip(1 + 0.2 * rng.normal() + 0.05 * rng.normal(size=3), 0.4, 1.6)
        ramp = np.linspace(-1, 1, SIDE, dtype=np.float32)
        shade = 1 + 0.15 * rng.normal() * ramp[None] + 0.15 * rng.normal() * ramp[:, None]
        cutout[..., :3] *= np.clip(shade, 0.5, 1.5)[..., None]
        turn, scale = rng.uniform(0, 2 * math.pi), size * side / SIDE
        while scale < 0.5:  # halved first, so that nothing aliases
            cutout, scale = cv2.resize(cutout, None, fx=0.5, fy=0.5,
                                       interpolation=cv2.INTER_AREA), scale * 2
        half = cutout.shape[0] / 2
        cos, sin = scale * math.cos(turn), scale * math.sin(turn)
        centre = (place + 1) * side / 2
        matrix = np.array([[cos, -sin, centre[0] - cos * half + sin * half],
                           [sin, cos, centre[1] - sin * half - cos * half],
                           [0.001 * rng.normal(), 0.001 * rng.normal(), 1]])
        warped = cv2.warpPerspective(cutout, matrix, (side, side))
        if rng.uniform() < 1 / 3:
            x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
            bend = np.float32(0.03 * size * side)
            warped = cv2.remap(warped, x + bend * np.sin(6 * y / side), y + bend * np.sin(
                6 * x / side), cv2.INTER_LINEAR)
        return warped

    def _clear(self, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        covered, kept = np.zeros_like(masks[0]), []
        for mask in masks:
            if (mask & ~covered).sum() >= area_at(MIN_VISIBLE, self.side, self.side):
                kept.append(mask)
                covered |= mask
        return np.array(kept, bool).reshape(-1, self.side, self.side)

    def _background(self) -> NDArray[np.float32]:
        rng, side = self.rng, self.side
        noise = np.zeros((side, side), np.float32)
        for cells in (2, 5, 16):
            coarse = rng.normal(size=(cells, cells)).astype(np.float32)
            noise += cv2.resize(coarse, (side, side)) * rng.uniform()
        mix = 1 / (1 + np.exp(-noise[..., None]))
        return (rng.uniform(size=3) * mix + rng.uniform(size=3) * (1 - mix)).astype(np.float32)

    def _developed(self, image: NDArray) -> NDArray[np.uint8]:
        rng = self.rng
        image = np.clip(image * rng.normal(1, 0.1, 3), 1e-3, 1) ** math.exp(0.2 * rng.normal())
        if rng.uniform() < 0.5:
            image = cv2.GaussianBlur(image, (3, 3), rng.uniform(0.3, 1))
        image = image + rng.uniform(0, 0.03) * rng.normal(size=image.shape)
        pixels = (np.clip(image, 0, 1) * 255).astype(np.uint8)
        if rng.uniform() < 0.3:
            _, data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 60])
            pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return pixels


def rate_of(compositor: Compositor, count: int) -> float:
    """Return scenes a second over one batch of `count`."""
    began = time.perf_counter()
    compositor.scenes(count)
    if compositor.device.type == 'cuda':
        torch.cuda.synchronize()
    return count / (time.perf_counter() - began)


def loop_rate(loop: PlainLoop, count: int) -> float:
    """Return scenes a second over `count` scenes."""
    began = time.perf_counter()
    for _ in range(count):
        loop.scene()
    return count / (time.perf_counter() - began)


def compare(side: int) -> str:
    """Let engine and loop take turns at one size; return what the medians say."""
    source = procedural_cutouts(CUTOUTS, 0)
    protocol = read_protocol('mixed')
    engine = Compositor([source], [1.0], protocol, side)
    loop = PlainLoop(source.rgba.permute(0, 2, 3, 1).contiguous().numpy(), protocol, side)
    ours, theirs = COUNTS[side]
    rate_of(engine, 16)
    rates = [(rate_of(engine, ours), loop_rate(loop, theirs)) for _ in range(ROUNDS)]
    own, plain = (float(np.median(column)) for column in zip(*rates))
    ratio = float(np.median([a / b for a, b in rates]))
    text = (f'{side}x{side}: engine {own:.0f} scenes/s, OpenCV loop {plain:.0f} scenes/s, ratio '
            f'{ratio:.1f} (medians of {ROUNDS} rounds of {ours} and {theirs} scenes)')
    if torch.cuda.is_available():
        gpu = Compositor([source], [1.0], protocol, side, 'cuda')
        rate_of(gpu, GPU_COUNTS[side])
        fast = np.median([rate_of(gpu, GPU_COUNTS[side]) for _ in range(ROUNDS)])
        text += f'; {torch.cuda.get_device_name()}: {fast:.0f} scenes/s'
    return text


def main() -> None:
    """Print the report."""
    print(f'data engine, protocol mixed, {CUTOUTS} drawn cutouts, seed 0; {os.cpu_count()} CPU '
          f'cores ({platform.machine()}), PyTorch {torch.__version__}, load '
          f'{os.getloadavg()[0]:.1f} before', flush=True)
    for side in COUNTS:
        print(compare(side), flush=True)


if __name__ == '__main__':
    main()
