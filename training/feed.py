"""The scenes that a training sees: composed and recorded ones, shared out by weight."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from training.config import TrainConfig
from training.engine.compositor import Compositor
from training.engine.photographs import read_photographs
from training.engine.protocols import check_photographs, read_protocols
from training.engine.randomness import seed_of
from training.engine.recorded import RecordedScenes
from training.engine.scenes import joined, Scenes
from training.engine.sources import sources_of


class Feed:
    """Composed and recorded scenes in one batch; step i of a seed always holds the same ones."""

    def __init__(self, config: TrainConfig, cutouts: Sequence[Path], recorded: Sequence[Path],
                 device: str, photographs: Path | None = None) -> None:
        """
        Share each step's scenes out among the protocols and, if any are given, recorded sets.

        Raises ValueError, naming what is wrong, for files that cannot be used.
        """
        side, seed = 2 * config.mask_size, config.seed + 1
        pictures = None if photographs is None else read_photographs(photographs)
        protocols = read_protocols(config.protocols)
        if pictures is not None:
            check_photographs(protocols.values())
        self.device = torch.device(device)
        self.sources: dict[str, int] = {}
        share = round(config.scenes_per_step * config.recorded_share) if recorded else 0
        self.served: list[tuple[Compositor | RecordedScenes, int]] = []
        for name, count in shared_out(config.protocols, config.scenes_per_step - share).items():
            if not count:
                continue
            protocol = protocols[name]
            sources, weights = sources_of(cutouts, protocol, config.held_classes,
                                          config.held_varieties,
                                          seed=seed_of(protocol.name, config.seed))
            for source in sources:
                self.sources[source.name] = max(len(source), self.sources.get(source.name, 0))
            self.served.append((Compositor(
                sources, weights, protocol, side, device, seed_of(protocol.name, seed),
                photographs=pictures, zoom=config.zoom), count))
        if share:
            piles = RecordedScenes(recorded, side, device, seed)
            self.sources['recorded'] = len(piles)
            self.served.append((piles, share))

    def seek(self, step: int) -> None:
        """Go on with the scenes of that step."""
        for source, count in self.served:
            source.next = step * count

    def scenes(self) -> Scenes:
        """Return the scenes of the next step."""
        return joined([source.scenes(count) for source, count in self.served])


def shared_out(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Return how many of `total` each gets by its weight; the largest remainders are rounded up."""
    exact = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
    counts = {name: int(part) for name, part in exact.items()}
    by_rest = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_rest[:total - sum(counts.values())]:
        counts[name] += 1
    return counts
