"""How far an experiment goes: small for two CPU cores, full for a GPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seq_amodal_ros.segmenter import Settings
from training.settings import read_named

FOLDER = Path(__file__).parent
COUNTS = ('steps', 'layer_steps', 'layers', 'images', 'default_steps', 'batch')


@dataclass(frozen=True)
class Setting:
    """
    Every choice of an experiment; the YAML files state why.

    preset          of the network and its training
    steps           optimiser steps of the model with cumulative mask
    layer_steps     of each network of DIS, one a layer
    layers          as many of them
    images          test images
    hypotheses      K
    ensembles       the K of Tab. 1
    sampler         and `sampling_steps` of it
    noise_levels    of Tab. 3, shares of training samples
    default_steps   optimiser steps of the default's network, beside which the paper's is
                    trained for as many seconds
    batch           test images sampled together
    """

    preset: str
    steps: int
    layer_steps: int
    layers: int
    images: int
    hypotheses: int
    ensembles: Sequence[int]
    sampler: str
    sampling_steps: int
    noise_levels: Sequence[float]
    default_steps: int
    batch: int

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting, for what no experiment can do."""
        for name in COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f'{name} counts from 1, got {getattr(self, name)}')
        for k in (self.hypotheses, *self.ensembles):
            Settings(hypotheses=k, steps=self.sampling_steps, sampler=self.sampler)
        if any(not 0 <= level <= 1 for level in self.noise_levels):
            raise ValueError(f'noise_levels must lie in 0 to 1, got {list(self.noise_levels)}')


def read_setting(name: str) -> Setting:
    """Return a setting by name or by path of a YAML file; raises ValueError, naming both."""
    return read_named(Setting, FOLDER, name)
