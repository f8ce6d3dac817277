"""
Alg. 2: one occlusion layer after another, each given the cumulative mask of those before it.

Works at the size the denoiser works at, with the network behind a callable, so that every rule can
be read and tested without one.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.scene import Mask

Probability = NDArray[np.float32]


class Answers(NamedTuple):
    """
    What a network answers for the next layer of n images.

    hypotheses  float32 [n, K, H, W], 0 to 1
    seams       float32 [n, H, W], 0 to 1, where two of the layer's objects touch; None if not known
    """

    hypotheses: NDArray[np.float32]
    seams: NDArray[np.float32] | None = None

    def split(self) -> 'list[tuple[Probability, Probability | None]]':
        """Return hypotheses [K, H, W] and seams [H, W] of each image."""
        seams = [None] * len(self.hypotheses) if self.seams is None else self.seams
        return list(zip(self.hypotheses, seams))


SampleLayers = Callable[[Sequence[int], NDArray[np.bool_]], Answers]
"""Images' numbers and cumulative masks bool [n, H, W] -> what the network answers."""

Choose = Callable[[Probability], Probability | None]
"""K masks [K, H, W] -> the one that the layer keeps and the cumulative mask grows by."""


@dataclass(frozen=True)
class StopRules:
    """When Alg. 2 ends: at most N_max layers, none below Area_min, pixels of these masks."""

    max_layers: int
    min_area: int


@dataclass(frozen=True)
class Layer:
    """
    One occlusion layer: its chosen mask and all K hypotheses, as probabilities.

    chosen      float32 [H, W], 0 to 1; the layer mask is chosen > 0.5
    hypotheses  float32 [K, H, W], 0 to 1
    seams       float32 [H, W], 0 to 1, where two of the layer's objects touch; None if not known
    """

    chosen: Probability
    hypotheses: Probability
    seams: Probability | None = None

    @property
    def mask(self) -> Mask:
        """Return the layer's amodal mask, bool [H, W]."""
        return self.chosen > 0.5

    def joined(self, other: 'Layer') -> 'Layer':
        """Return the layer that holds the masks of both; each pixel's seam is its mask's."""
        seams = None
        if self.seams is not None and other.seams is not None:
            seams = np.where(other.chosen > self.chosen, other.seams, self.seams)
        return Layer(np.maximum(self.chosen, other.chosen),
                     np.maximum(self.hypotheses, other.hypotheses), seams)


def representative(masks: NDArray[np.bool_]) -> int | None:
    """
    Return the index k whose mask [K, H, W] differs least from the mean of the non-null masks.

    Of these: a null mask is chosen only where all are, which ends Alg. 2.
    The difference is the sum of absolute values; the first wins a tie. None if all are null.
    """
    non_null = np.flatnonzero(masks.any(axis=(1, 2)))
    if not len(non_null):
        return None
    candidates = masks[non_null].astype(np.float32)
    difference = np.abs(candidates - candidates.mean(axis=0)).sum(axis=(1, 2))
    return int(non_null[np.argmin(difference)])


def chosen_mask(hypotheses: Probability) -> Probability | None:
    """Return the representative of K masks [K, H, W], as Alg. 2 does; None if all are null."""
    k = representative(hypotheses > 0.5)
    return None if k is None else hypotheses[k]


def middle_mask(hypotheses: Probability) -> Probability | None:
    """
    Return the first of K level sets, which is the middle one (hypotheses.py); None if it is null.

    It is their representative for as long as none of them is null. Of the non-null ones alone that
    would be a lower level, hence a larger mask, and the larger the more of them there are.
    """
    return hypotheses[0] if (hypotheses[0] > 0.5).any() else None


def layer_rounds(shape: tuple[int, int], rules: StopRules, choose: Choose,
                 ) -> Generator[Mask, tuple[Probability, Probability | None], list[Layer]]:
    """
    Walk Alg. 2: yield the cumulative mask, be sent K masks and seams, return the layers.

    The unoccluded layer is the first. Spatial integrity: what touches no part of the previous
    layer's mask cannot lie under it and joins that layer instead of opening one. Every round
    either opens a layer or joins, and there are at most 2 N_max rounds, so a model that never
    touches ends too.
    """
    layers: list[Layer] = []
    cumulative: Mask = np.zeros(shape, bool)
    for _ in range(2 * rules.max_layers):
        if len(layers) == rules.max_layers:
            break
        hypotheses, seams = yield cumulative
        chosen = choose(hypotheses)
        if chosen is None:
            break
        layer = Layer(chosen, hypotheses, seams)
        if np.count_nonzero(layer.mask) < rules.min_area:
            break
        if layers and not (layer.mask & layers[-1].mask).any():
            layers[-1] = layers[-1].joined(layer)
        else:
            layers.append(layer)
        cumulative = cumulative | layer.mask
    return layers


def segment_together(sample: SampleLayers, count: int, shape: tuple[int, int],
                     rules: StopRules, choose: Choose = chosen_mask) -> list[list[Layer]]:
    """
    Return the layers of `count` images of one shape, height and width.

    Each round is sampled in one batch of those not ended.
    """
    rounds = [layer_rounds(shape, rules, choose) for _ in range(count)]
    layers: list[list[Layer]] = [[] for _ in rounds]
    asking = {number: next(walk) for number, walk in enumerate(rounds)}
    while asking:
        answers = sample(list(asking), np.stack(list(asking.values())))
        following = {}
        for number, answer in zip(asking, answers.split()):
            try:
                following[number] = rounds[number].send(answer)
            except StopIteration as ended:
                layers[number] = ended.value
        asking = following
    return layers
