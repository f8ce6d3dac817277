"""
Time of a whole scene, image to objects, beside the least that this machine could need for it.

    make bench

The shipped network at three sizes, K = 3, 1 step, five layers: they are walked whatever the
picture holds, so that the work is always the same. The floor: multiply-accumulates over the rate of
a large matrix product, or bytes of the weights that each call must read over that of a large copy,
whichever takes longer. All in one run. A report; asserts nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
import os
import platform
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.checkpoint import Checkpoint, load_checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet
from seq_amodal_ros.devices import choose_device, computes_in_bfloat16
from seq_amodal_ros.inference import Frames
from seq_amodal_ros.objects import scene_from_layers
from seq_amodal_ros.replay import uncaptured
from seq_amodal_ros.segmenter import Segmenter, Settings
from seq_amodal_ros.sequential import Layer
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from training.paper.config import read_preset
from training.paper.experiments.cost import ancestral_gmac, every_layer

SIDES = (64, 224, 256)  # of the image, pixels; the masks have half of it, the shipped one is 224
LAYERS, HYPOTHESES, CAMERAS, WARM = 5, 3, 8, 3
ROUNDS = {'cpu': 20, 'cuda': 300}
MATRIX = 2048
COPY = 1 << 26  # numbers


class WeightBytes(TorchDispatchMode):
    """Counts the bytes of weights that operations read."""

    def __init__(self, model: nn.Module) -> None:
        """Start at 0."""
        super().__init__()
        self.total = 0
        self._weights = {weight.data_ptr() for weight in model.parameters()}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (),
                           kwargs: Any = None) -> Any:
        """Do what is asked, and count."""
        self.total += sum(leaf.nbytes for leaf in tree_leaves((args, kwargs)) if isinstance(
            leaf, torch.Tensor) and leaf.data_ptr() in self._weights)
        return function(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Machine:
    """A device and what it does at most: multiply-accumulates and bytes a second."""

    device: torch.device
    macs: float
    bandwidth: float

    @classmethod
    def measured(cls, device: torch.device) -> 'Machine':
        """Return the rates of a large matrix product, in the network's precision, and copy."""
        kind = torch.bfloat16 if computes_in_bfloat16(device) else torch.float32
        a, b = torch.rand(2, MATRIX, MATRIX, device=device).to(kind)
        numbers = torch.rand(COPY, device=device)
        product = float(np.median(seconds(lambda: a @ b, device, 10)))
        other = torch.zeros_like(numbers)
        copy = float(np.median(seconds(lambda: other.copy_(numbers), device, 10)))
        return cls(device, MATRIX ** 3 / product, 2 * numbers.nbytes / copy)


def seconds(work: Callable[[], object], device: torch.device, rounds: int) -> NDArray[np.float64]:
    """Return how long `work` took each time, after some that warm up."""
    took = []
    for number in range(WARM + rounds):
        began = time.perf_counter()
        work()
        if device.type == 'cuda':
            torch.cuda.synchronize()
        if number >= WARM:
            took.append(time.perf_counter() - began)
    return np.array(took)


class Walk:
    """Segments pictures, all layers of each whatever they hold."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, side: int) -> None:
        """Take a picture of noise."""
        self.segmenter = Segmenter(checkpoint, str(device))
        self.settings = Settings(HYPOTHESES, max_layers=LAYERS, mask_size=side // 2)
        self.image = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
        self.network = self.frames().network
        self.choose = every_layer(LAYERS)

    def layers(self, cameras: int = 1) -> list[list[Layer]]:
        """Return the layers of so many pictures."""
        return self.segmenter.layers([self.image] * cameras, self.settings, self.choose)

    def scene(self) -> None:
        """Segment one picture, layers to objects too."""
        layers, (height, width) = self.layers()[0], self.image.shape[:2]
        shape = self.segmenter.working_shape(self.image, self.settings)
        scene_from_layers(layers, height, width, self.settings.least_area(shape))

    def frames(self) -> Frames:
        """Encode one picture."""
        return self.segmenter.frames([self.image], self.settings)


def papers_gmac() -> float:
    """Return what the authors' network costs for such a scene, counted without computing."""
    with torch.device('meta'):
        return ancestral_gmac(ConcatUNet(read_preset('sas').network()), HYPOTHESES, LAYERS)


def report(checkpoint: Checkpoint, machine: Machine, side: int) -> str:
    """Return what a scene costs at that size."""
    walk, device = Walk(checkpoint, machine.device, side), machine.device
    rounds = ROUNDS[device.type]
    whole = 1e3 * seconds(walk.scene, device, rounds)
    encode = 1e3 * float(np.median(seconds(walk.frames, device, rounds)))
    layers = 1e3 * float(np.median(seconds(walk.layers, device, rounds)))
    cameras = 1e3 * float(np.median(seconds(lambda: walk.layers(CAMERAS), device,
                                            max(3, rounds // 8))))
    with uncaptured(walk.network.graphs), FlopCounterMode(display=False) as macs, \
            WeightBytes(walk.network.model) as read:
        walk.layers()
    gmac = macs.get_total_flops() / 2e9
    floor = 1e3 * max(gmac * 1e9 / machine.macs, read.total / machine.bandwidth)
    middle = float(np.median(whole))
    return (f'{side}x{side}: median {middle:.1f} ms, 99 % under {np.percentile(whole, 99):.1f} ms '
            f'({rounds} scenes): encoder {encode:.1f}, layers {layers - encode:.1f}, objects '
            f'{middle - layers:.1f}; {CAMERAS} cameras in a batch {cameras:.1f} ms; {gmac:.1f} '
            f'GMAC, {papers_gmac() / gmac:.0f} times less than the paper; floor {floor:.1f} ms, '
            f'time over it {middle / floor:.1f}')


def main() -> None:
    """Print the report."""
    device, checkpoint = choose_device(), load_checkpoint()
    name = torch.cuda.get_device_name() if device.type == 'cuda' else \
        f'{os.cpu_count()} CPU cores ({platform.machine()})'
    machine = Machine.measured(device)
    print(f'whole scene, {LAYERS} layers, K = {HYPOTHESES}, 1 step, {checkpoint.label}; {name}, '
          f'PyTorch {torch.__version__}, load {os.getloadavg()[0]:.1f} before; measured peak '
          f'{machine.macs / 1e9:.0f} GMAC/s, {machine.bandwidth / 1e9:.1f} GB/s', flush=True)
    for side in SIDES:
        print(report(checkpoint, machine, side), flush=True)


if __name__ == '__main__':
    main()
