"""What an image costs with the paper's sampler and with the fast one: GMAC and seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
import itertools
import time

import numpy as np
from seq_amodal_ros.checkpoint import Checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet
from seq_amodal_ros.devices import whole_float32
from seq_amodal_ros.diffusion.schedules import STEPS
from seq_amodal_ros.replay import uncaptured
from seq_amodal_ros.segmenter import Segmenter, Settings
from seq_amodal_ros.sequential import Choose, Probability
import torch
from torch.utils.flop_counter import FlopCounterMode
from training.paper.config import read_preset
from training.paper.experiments.report import Report

WALKED = 20  # of the 1000 steps are timed; each costs the same
ROUNDS = 5  # runs of the fast sampler; their median counts


@dataclass(frozen=True)
class Cost:
    """What an image costs: 1e9 multiply-accumulates, and seconds."""

    gmac: float
    seconds: float


def ancestral_gmac(model: torch.nn.Module, hypotheses: int, layers: int) -> float:
    """Return what Alg. 2 with 1000 ancestral steps costs: so many calls for K masks a layer."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(*_arguments(model, hypotheses))
    return counter.get_total_flops() / 2e9 * STEPS * layers


def _arguments(model: torch.nn.Module, hypotheses: int) -> list[torch.Tensor]:
    """Return image, cumulative mask, noisy mask and time for one call, on the model's device."""
    size, device = model.mask_size, next(model.parameters()).device
    return [*(torch.rand(hypotheses, channels, size, size, device=device)
              for channels in (3, 1, 1)), torch.ones(hypotheses, device=device)]


def every_layer(layers: int) -> Choose:
    """Return a choice that is never blank and always touches, so that all layers are walked."""
    rounds = itertools.count()

    def chosen(masks: Probability) -> Probability:
        side = np.zeros(masks.shape[1:], np.float32)
        side[:next(rounds) % layers + 4] = 1
        return side

    return chosen


def ancestral_cost(model: torch.nn.Module, hypotheses: int, layers: int, device: str) -> Cost:
    """Return what Alg. 2 with 1000 ancestral steps costs, and the time it takes."""
    model = model.to(device)
    gmac, arguments = ancestral_gmac(model, hypotheses, layers), _arguments(model, hypotheses)
    with torch.inference_mode(), whole_float32(torch.device(device)):
        began = time.perf_counter()
        for _ in range(WALKED):
            float(model(*arguments).sum())  # waits for the device
        seconds = (time.perf_counter() - began) / WALKED
    return Cost(gmac, seconds * STEPS * layers)


def fast_cost(checkpoint: Checkpoint, hypotheses: int, layers: int, device: str) -> Cost:
    """Return what the encode-once denoiser's one step a layer costs for as many layers."""
    segmenter = Segmenter(checkpoint, device)
    settings = Settings(hypotheses=hypotheses, max_layers=layers)
    size = checkpoint.model.mask_size
    image = np.random.default_rng(0).integers(0, 255, (size * 4, size * 4, 3), np.uint8)
    chosen = every_layer(layers)
    with uncaptured(segmenter.graphs), FlopCounterMode(display=False) as counter:
        segmenter.layers([image], settings, chosen)
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        segmenter.layers([image], settings, chosen)
        took.append(time.perf_counter() - began)
    return Cost(counter.get_total_flops() / 2e9, float(np.median(took)))


def cost_report(presets: Sequence[str], fast: Checkpoint, hypotheses: int, layers: int,
                device: str, hardware: str) -> Report:
    """
    Return the costs of the presets' networks and of the fast one, in one run.

    The presets' are untrained: what a network costs does not depend on its weights.
    """
    report = Report('Cost of an image', {
        'K': hypotheses, 'layers': layers, 'hardware': hardware,
        'seconds of 1000 steps': f'{WALKED} calls timed, the rest in proportion',
        'seconds of the fast sampler': f'median of {ROUNDS}'})
    costs = {f'{name}, 1000 steps': ancestral_cost(
        ConcatUNet(read_preset(name).network()).eval(), hypotheses, layers, device)
        for name in presets}
    costs[f'{fast.label}, 1 step'] = fast_cost(fast, hypotheses, layers, device)
    reference = list(costs.values())[-1]
    for name, cost in costs.items():
        report.add(name, {'GMAC': f'{cost.gmac:.0f}', 'seconds': f'{cost.seconds:.2f}',
                          'times the fast one': f'{cost.seconds / reference.seconds:.0f}'})
    return report
