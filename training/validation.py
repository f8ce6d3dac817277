"""
Scenes for validation: of objects that the training may see, under a seed of their own.

Drawn objects are others than the training's, of the same kinds.
"""

from collections.abc import Sequence
from pathlib import Path

from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.sample import Sample
from training.config import read_config
from training.engine.protocols import read_protocol
from training.engine.randomness import seed_of
from training.engine.sources import sources_of
from training.testsets import compose, SIDE

SEED = 4242


def validation(folder: Path, cutouts: Sequence[Path], protocol: str, count: int,
               zoom: float = 1.0) -> list[Sample]:
    """
    Return `count` scenes of a protocol, written to the new folder; held-out objects are left out.

    zoom  how much larger than the protocol says the objects are, 0.1 to 10
    Raises ValueError for a count or zoom that cannot be, and for cutouts that the protocol lacks.
    """
    if count < 1:
        raise ValueError(f'--scenes {count}: it counts from 1')
    if not 0.1 <= zoom <= 10:
        raise ValueError(f'--zooms must lie in 0.1 to 10, got {zoom}')
    config, given = read_config(), read_protocol(protocol)
    seed = seed_of(given.name, SEED)
    sources = sources_of(cutouts, given, config.held_classes, config.held_varieties, seed=seed)
    compose(sources, given, folder, count, SIDE, seed, zoom)
    return list(samples(folder / 'annotations.json'))
