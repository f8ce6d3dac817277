"""The training's settings, read from YAML and checked by name."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig
from seq_amodal_ros.diffusion.schedules import SCHEDULES
from training.engine.protocols import read_protocols
from training.settings import check_ranges, made, OPTIMISER_RANGES, read_changes, read_settings

DEFAULT = Path(__file__).with_name('default.yaml')

LEARNT = {'masks', 'seams'}
SHARES = ('recorded_share', 'from_noise', 'self_conditioning', 'own_cumulative', 'seams_share')
LOSS_WEIGHTS = ('visible_weight', 'overlap_weight')
RANGES = {**dict.fromkeys(SHARES, (0, 1)), **OPTIMISER_RANGES, 'encoder_rate': (0, 10),
          'ema': (0, 1), 'signal_scale': (0.01, 10), **dict.fromkeys(LOSS_WEIGHTS, (0, 1000))}


@dataclass(frozen=True)
class TrainConfig:
    """Every setting of a training run; default.yaml states their meaning."""

    steps: int
    scenes_per_step: int
    mask_size: int
    learns: tuple[str, ...]
    protocols: Mapping[str, float]
    zoom: tuple[float, float]
    recorded_share: float
    learning_rate: float
    encoder_rate: float
    weight_decay: float
    warmup: int
    ema: float
    schedule: str
    signal_scale: float
    from_noise: float
    self_conditioning: float
    own_cumulative: float
    seams_share: float
    visible_weight: float
    overlap_weight: float
    seed: int
    held_classes: tuple[str, ...]
    held_varieties: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting, for what no training can do."""
        if not self.learns or not set(self.learns) <= LEARNT:
            raise ValueError(f'learns must list some of {sorted(LEARNT)}, got {self.learns}')
        if self.steps < 1 or self.scenes_per_step < 1:
            raise ValueError('steps and scenes_per_step count from 1, got '
                             f'{self.steps} and {self.scenes_per_step}')
        if not 0.1 <= self.zoom[0] <= self.zoom[1] <= 10:
            raise ValueError(f'zoom must be [least, most] within 0.1 to 10, got {self.zoom}')
        check_ranges(self, RANGES)
        if self.schedule not in SCHEDULES:
            raise ValueError(f'schedule must be one of {", ".join(SCHEDULES)}, '
                             f'got {self.schedule!r}')
        if min(self.protocols.values(), default=0) < 0 or not sum(self.protocols.values()):
            raise ValueError('protocols must weigh one at least, and none below 0, got '
                             f'{dict(self.protocols)}')
        EncodeOnceConfig(self.mask_size)

    @property
    def mask_values(self) -> tuple[float, float]:
        """Return what off and on of a mask become before noise."""
        return -self.signal_scale, self.signal_scale


def read_config(path: Path = DEFAULT) -> TrainConfig:
    """
    Read a TrainConfig whose protocols there are; what the file does not set is as in default.yaml.

    Raises ValueError, naming file and key, for wrong keys or values, and a file without any.
    """
    known = {field.name for field in fields(TrainConfig)}
    changes = read_changes(path, known)
    if not changes:
        raise ValueError(f'{path}: sets nothing; {DEFAULT} shows what there is')
    config = made(TrainConfig, {**read_settings(DEFAULT, known), **changes}, str(path))
    check_protocols(config, str(path))
    return config


def check_protocols(config: TrainConfig, place: str) -> None:
    """Raise ValueError, naming the place and the protocol, as `read_protocols` does."""
    try:
        read_protocols(config.protocols)
    except ValueError as error:
        raise ValueError(f'{place}: protocols: {error}') from error
