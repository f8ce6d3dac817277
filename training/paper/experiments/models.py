"""The networks that an experiment needs: trained once, then taken from the folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
import signal

import numpy as np
from seq_amodal_ros.checkpoint import Checkpoint, load_checkpoint
from seq_amodal_ros.files import write_atomic
from seq_amodal_ros.segmenter import Segmenter, Settings
from seq_amodal_ros.sequential import Choose, chosen_mask, Layer
from tqdm import tqdm
from training import train as default_training
from training.paper import train
from training.paper.experiments.data import TestImage
from training.paper.experiments.settings import Setting
import yaml

ENDLESS = 1 << 30  # steps, of a training that the clock ends


@dataclass(frozen=True)
class TrainingData:
    """Where scenes come from: data sets in amodal COCO, or a protocol and its cutouts."""

    coco: Sequence[str]
    protocol: str
    cutouts: Sequence[str]
    device: str

    @property
    def arguments(self) -> list[str]:
        """Return the arguments of training.paper.train that name scenes and device."""
        scenes = ['--coco', *self.coco] if self.coco else \
            ['--protocol', self.protocol, '--cutouts', *self.cutouts]
        return [*scenes, '--device', self.device]


def trained(folder: Path, setting: Setting, data: TrainingData, layer: int | None = None,
            noise: float = 0.0) -> Checkpoint:
    """
    Return the model with cumulative mask, or DIS of one layer; train it as far as it is not yet.

    Raises ValueError if training failed; its own message says why.
    """
    kind = 'cumulative' if layer is None else f'dis_{layer}'
    out = folder / 'models' / (f'{kind}_noise_{noise:g}' if noise else kind)
    steps = setting.steps if layer is None else setting.layer_steps
    extra = [] if layer is None else ['--layer', str(layer)]
    status = train.main(['--preset', setting.preset, '--out', str(out), '--steps', str(steps),
                         '--cumulative-noise', str(noise), *data.arguments, *extra])
    return _finished(out, status, steps)


def trained_default(folder: Path, setting: Setting, data: TrainingData) -> Checkpoint:
    """
    Return a network like the default's, from ImageNet's encoder; train it as far as it is not yet.

    Raises ValueError without a protocol to compose its scenes by, or if training failed.
    """
    if not data.protocol:
        raise ValueError('the default network is trained on composed scenes: give --protocol in '
                         'place of --coco')
    out = folder / 'models' / 'default'
    out.mkdir(parents=True, exist_ok=True)
    config = {'steps': setting.default_steps, 'protocols': {data.protocol: 1},
              'zoom': [1, 1]}  # scenes as those of the paper's network
    write_atomic(out / 'config.yaml', yaml.safe_dump(config).encode())
    status = default_training.main(['--out', str(out), '--config', str(out / 'config.yaml'),
                                    '--cutouts', *data.cutouts, '--device', data.device])
    return _finished(out, status, setting.default_steps)


def trained_as_long(folder: Path, setting: Setting, data: TrainingData, seconds: float,
                    ) -> Checkpoint:
    """
    Return the paper's network, trained for so many seconds; train it as long as it is not yet.

    Raises ValueError if training failed.
    """
    out = folder / 'models' / 'as_long'
    weights = out / 'weights.safetensors'
    spent = load_checkpoint(weights).training['seconds'] if weights.exists() else 0
    status = train.main(['--preset', setting.preset, '--out', str(out), '--steps', str(ENDLESS),
                         '--minutes', str((seconds - spent) / 60), *data.arguments])
    checkpoint = _finished(out, status, 0)
    if checkpoint.training['seconds'] < seconds - 1:
        raise ValueError(f'{out}: stopped after {checkpoint.training["seconds"]} of {seconds} '
                         'seconds; the same command goes on from there')
    return checkpoint


def _finished(out: Path, status: int, steps: int) -> Checkpoint:
    if status == 128 + signal.SIGINT:
        raise ValueError(f'{out}: stopped; the same command goes on from there')
    if status:
        raise ValueError(f'{out}: training failed')
    checkpoint = load_checkpoint(out / 'weights.safetensors')
    if checkpoint.training['steps'] < steps:
        raise ValueError(f'{out}: stopped at step {checkpoint.training["steps"]} of {steps}; the '
                         'same command goes on from there')
    return checkpoint


def settings_of(checkpoint: Checkpoint, setting: Setting) -> Settings:
    """Return how to sample: N_max and Area_min are those of the model's training data."""
    rules, side = checkpoint.training['rules'], checkpoint.model.mask_size
    return Settings(hypotheses=setting.hypotheses, steps=setting.sampling_steps,
                    sampler=setting.sampler, max_layers=rules['max_layers'],
                    min_area=max(1, round(rules['min_area'] * (64 / side) ** 2)))


def sequential(checkpoint: Checkpoint, truth: Sequence[TestImage], setting: Setting, device: str,
               choose: Choose = chosen_mask) -> list[list[Layer]]:
    """Return Alg. 2's layers of each image."""
    segmenter = Segmenter(checkpoint, device, settings_of(checkpoint, setting))
    return _sampled(segmenter, truth, setting.batch, choose)


def _sampled(segmenter: Segmenter, truth: Sequence[TestImage], batch: int,
             choose: Choose = chosen_mask) -> list[list[Layer]]:
    predicted: list[list[Layer]] = []
    for first in tqdm(range(0, len(truth), batch), desc='sampling', unit='batch'):
        images = [image.image for image in truth[first:first + batch]]
        predicted += segmenter.layers(images, segmenter.settings, choose)
    return predicted


def independent(checkpoints: Sequence[Checkpoint], truth: Sequence[TestImage], setting: Setting,
                device: str) -> list[list[Layer]]:
    """
    Return the layers of DIS: each from a network of its own, none knowing the others.

    A layer's K masks have the same representative as in Alg. 2; a blank one stays blank.
    """
    by_layer = []
    one = replace(settings_of(checkpoints[0], setting), max_layers=1, min_area=1)
    size = checkpoints[0].model.mask_size
    blank = Layer(np.zeros((size, size), np.float32), np.zeros((0, size, size), np.float32))
    for checkpoint in checkpoints:
        answers = _sampled(Segmenter(checkpoint, device, one), truth, setting.batch)
        by_layer.append([layers[0] if layers else blank for layers in answers])
    return [list(layers) for layers in zip(*by_layer)]
