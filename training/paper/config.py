"""Presets of the paper's system, read from YAML and checked by name."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from seq_amodal_ros.denoisers.concat_unet import ConcatUNetConfig
from seq_amodal_ros.denoisers.prediction import Predicts
from seq_amodal_ros.diffusion.schedules import SCHEDULES
from training.settings import check_ranges, OPTIMISER_RANGES, read_named

FOLDER = Path(__file__).with_name('presets')
RANGES = {**OPTIMISER_RANGES, 'vlb_weight': (0, 1000), 'cumulative_noise': (0, 1)}


@dataclass(frozen=True)
class PaperConfig:
    """
    Every setting of the network and its training.

    The first ten are ConcatUNetConfig's. The others:

    mask_values    what off and on of a mask become before noise
    schedule       name of the noise schedule, T = 1000
    vlb_weight     weight of the variational bound beside the mean squared error
    cumulative_noise  share of samples whose cumulative mask lacks a random layer (Sec. 5.4)
    steps          optimiser steps
    batch          samples (image, layer) a step, over all processes together
    learning_rate  constant, after `warmup` steps
    weight_decay   of AdamW
    warmup         steps
    ema            decay of the averaged weights that are exported
    precision      float32, or bfloat16 (autocast) on a device that computes sooner in it
    seed           of scenes, samples and noise
    """

    mask_size: int
    channels: int
    multipliers: Sequence[int]
    blocks: int
    attention_size: int
    predicts: Predicts
    learned_variance: bool
    cumulative: bool
    image_values: Sequence[float]
    cumulative_values: Sequence[float]
    mask_values: tuple[float, float]
    schedule: str
    vlb_weight: float
    cumulative_noise: float
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup: int
    ema: float
    precision: str
    seed: int

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting, for what cannot be trained."""
        if self.precision not in ('float32', 'bfloat16'):
            raise ValueError(f'precision must be float32 or bfloat16, got {self.precision!r}')
        if self.schedule not in SCHEDULES:
            raise ValueError(f'schedule must be one of {", ".join(SCHEDULES)}, '
                             f'got {self.schedule!r}')
        if self.steps < 1 or self.batch < 1:
            raise ValueError(f'steps and batch must be at least 1, got {self.steps}, {self.batch}')
        check_ranges(self, RANGES)
        if not 0 <= self.ema < 1:
            raise ValueError(f'ema must lie in 0 to below 1, got {self.ema}')
        if not -100 <= self.mask_values[0] < self.mask_values[1] <= 100:
            raise ValueError('mask_values must be two rising numbers in -100 to 100, got '
                             f'{list(self.mask_values)}')
        if bool(self.vlb_weight) != self.learned_variance:
            raise ValueError('vlb_weight trains the learned variance, and nothing else does: set '
                             'both, or learned_variance false and vlb_weight 0')
        self.network()

    def network(self) -> ConcatUNetConfig:
        """Return the network's part."""
        return ConcatUNetConfig(**{field.name: getattr(self, field.name)
                                   for field in fields(ConcatUNetConfig)})


def read_preset(name: str) -> PaperConfig:
    """Return a preset by name or by path of a YAML file; raises ValueError, naming both."""
    return read_named(PaperConfig, FOLDER, name)
