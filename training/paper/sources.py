"""Where the paper's system takes its scenes: data sets in amodal COCO, or a protocol's scenes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from training.config import read_config
from training.engine.compositor import Compositor
from training.engine.protocols import read_protocol
from training.engine.recorded import RecordedScenes
from training.engine.sources import sources_of
from training.paper.batches import SceneSource

PROBE = 1000  # composed scenes from which N_max and Area_min are taken
PART = 100  # of them at a time


@dataclass(frozen=True)
class Rules:
    """Alg. 2's N_max and Area_min: the most layers and the smallest object of the training data."""

    max_layers: int
    min_area: int


def open_source(coco: Sequence[Path], protocol: str, cutouts: Sequence[Path], size: int, seed: int,
                device: str) -> SceneSource:
    """
    Return the data sets' scenes as they are, or those of a protocol, held-out objects left out.

    Raises ValueError or DatasetError, naming the file, for what cannot be read.
    """
    if coco:
        return RecordedScenes(coco, size, device, seed, changed=False)
    config = read_config()
    given = read_protocol(protocol)
    sources, weights = sources_of(cutouts, given, config.held_classes, config.held_varieties,
                                  seed=seed)
    return Compositor(sources, weights, given, size, device, seed)


def rules_of(source: SceneSource, size: int) -> Rules:
    """Return the rules that the training data give: of a data set all, of a protocol a sample."""
    if isinstance(source, RecordedScenes):
        areas = source.areas()
        return Rules(source.depth, _least(areas[areas > 0], source.side, size))
    source.next, deepest, smallest = 0, 1, size * size
    for _ in range(0, PROBE, PART):
        scenes = source.scenes(PART)
        deepest = max(deepest, int(scenes.layers.max()))
        areas = scenes.masks.flatten(2).sum(dim=2)[scenes.layers > 0]
        smallest = min(smallest, _least(areas, scenes.masks.shape[-1], size))
    return Rules(deepest, smallest)


def _least(areas: Tensor, side: int, size: int) -> int:
    """Return the smallest of areas int64 [objects], pixels of `side` squared, of `size` squared."""
    scale = (size / side) ** 2
    return max(1, round(float(areas.min()) * scale)) if len(areas) else size * size
