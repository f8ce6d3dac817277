"""Alg. 1's samples: an image, the cumulative mask before a layer, and that layer's amodal mask."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from training.engine.compositor import Compositor
from training.engine.recorded import RecordedScenes
from training.engine.scenes import Scenes

SceneSource = Compositor | RecordedScenes
"""Scenes by number: draw i of a seed is always the same."""


@dataclass(frozen=True)
class Batch:
    """
    Training samples.

    image       float [B, 3, S, S], 0 to 1
    cumulative  float [B, 1, S, S], 0 or 1: union of the true masks of all layers above
    target      float [B, 1, S, S], 0 or 1: the layer's amodal mask, blank at step N + 1
    """

    image: Tensor
    cumulative: Tensor
    target: Tensor


def cumulative_batch(source: SceneSource, first: int, count: int, size: int, noisy: float,
                     generator: torch.Generator) -> Batch:
    """
    Return `count` samples drawn evenly from all layers 1 .. N + 1 of scenes `first`, ... (Alg. 1).

    Each scene has two steps or more, so half as many scenes as samples are enough. Of the
    cumulative masks that hold a layer i of 2 or more, a share `noisy` lacks one (Eq. 12): what
    lacks a layer that it never held would show the target's silhouette. The generator is one of
    the CPU.
    """
    source.next = first
    scenes = source.scenes(scenes_for(count, layer=None))
    scene, target, cumulative = scenes.samples(size)
    kept = torch.randperm(len(scene), generator=generator)[:count].to(scene.device)
    steps = scenes.layers.amax(dim=1) + 1  # of each scene
    step = (torch.arange(len(scene), device=scene.device) - (steps.cumsum(0) - steps)[scene] + 1)
    scene, target, cumulative, step = (given[kept] for given in (scene, target, cumulative, step))
    if noisy:
        lacks = (torch.rand(len(scene), generator=generator) < noisy).to(scene.device) & (step > 2)
        held = torch.randint(1 << 30, (len(scene),), generator=generator).to(scene.device)
        layer = 2 + held % (step - 2).clamp(min=1)  # 2 to step - 1
        gone = layer_mask(scenes, scene, layer, size)
        cumulative = cumulative * (1 - gone * lacks[:, None, None, None])  # P = CM - M_i
    return Batch(_shrunk(scenes.image, size)[scene], cumulative, target)


def layer_mask(scenes: Scenes, scene: Tensor, layer: Tensor, size: int) -> Tensor:
    """Return the amodal mask of a layer of each scene (int64 [n]), float [n, 1, size, size]."""
    of_layer = scenes.masks[scene] & (scenes.layers[scene] == layer[:, None])[..., None, None]
    return (_shrunk(of_layer.any(dim=1, keepdim=True).float(), size) >= 0.5).float()


def layer_batch(source: SceneSource, first: int, count: int, size: int, layer: int) -> Batch:
    """Return one layer's masks of `count` scenes, blank where a scene lacks it: DIS (Sec. 5.5)."""
    source.next = first
    scenes = source.scenes(scenes_for(count, layer))
    every = torch.arange(count, device=scenes.image.device)
    target = layer_mask(scenes, every, torch.full_like(every, layer), size)
    return Batch(_shrunk(scenes.image, size), torch.zeros_like(target), target)


def scenes_for(count: int, layer: int | None) -> int:
    """Return how many scenes a batch of `count` samples is drawn from."""
    return count if layer is not None else -(-count // 2)


def _shrunk(batch: Tensor, size: int) -> Tensor:
    return functional.adaptive_avg_pool2d(batch, size)
