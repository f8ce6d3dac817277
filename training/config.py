"""The training's settings, read from YAML and checked by name."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

DEFAULT = Path(__file__).with_name('default.yaml')


@dataclass(frozen=True)
class TrainConfig:
    """Every setting of a training run; default.yaml states their meaning."""

    steps: int
    scenes_per_step: int
    objects: tuple[int, int]
    learning_rate: float
    encoder_rate: float
    weight_decay: float
    warmup: int
    ema: float
    schedule: str
    signal_scale: float
    self_conditioning: float
    own_cumulative: float
    procedural: int
    procedural_share: float
    seed: int
    held_classes: tuple[str, ...]
    held_varieties: tuple[str, ...]


def read_config(path: Path = DEFAULT) -> TrainConfig:
    """Read a TrainConfig; raises ValueError, naming file and key, for unknown or missing keys."""
    try:
        given = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f'{path}: cannot be read: {error}') from error
    known = {field.name for field in fields(TrainConfig)}
    if not isinstance(given, dict) or set(given) != known:
        found = set(given) if isinstance(given, dict) else set()
        raise ValueError(f'{path}: missing {sorted(known - found)}, '
                         f'unknown {sorted(found - known)}')
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value
                              for key, value in given.items()}
    return TrainConfig(**values)
