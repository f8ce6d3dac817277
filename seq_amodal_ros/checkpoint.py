"""
Weights on disk: a safetensors file and, beside it, JSON with architecture, sizes and checksum.

Nothing is unpickled. Files are written whole or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from seq_amodal_ros import denoisers
from seq_amodal_ros.diffusion.schedules import SCHEDULES
from seq_amodal_ros.files import expanded, write_together
import torch
from torch import nn, Tensor

WEIGHTS = Path(__file__).with_name('weights')
DEFAULT = 'default'
MAX_REASON = 200  # characters; torch lists every weight that does not fit
MAX_BYTES = 1 << 30
SETTINGS = {'architecture': str, 'config': dict, 'schedule': str, 'mask_values': list,
            'temperature': float, 'offset': float, 'sha256': str}


class CheckpointError(ValueError):
    """Weights that cannot be used; the message names the file and the way out."""


@dataclass(frozen=True)
class Checkpoint:
    """
    A denoiser in evaluation mode and how it was trained to be sampled.

    mask_values  what stands for off and on in a mask before it is noised
    temperature  what the logits of a one-step estimate are divided by, so that it is calibrated
    offset       what they are then raised by
    """

    model: nn.Module
    name: str
    sha256: str
    schedule: str
    mask_values: tuple[float, float]
    training: dict[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    offset: float = 0.0

    @property
    def label(self) -> str:
        """Name and the checksum's first twelve digits, as the message carries it."""
        return f'{self.name}@{self.sha256[:12]}'


def find(weights: str | os.PathLike[str]) -> Path:
    """
    Return the path of weights named in the package ('default') or given as a .safetensors file.

    Raises CheckpointError, naming what was looked for, if neither exists.
    """
    try:
        given = expanded(weights)
        path = given if given.suffix == '.safetensors' else WEIGHTS / f'{weights}.safetensors'
        if path.is_file():
            return path
        if given.is_file():
            raise CheckpointError(f'weights {str(weights)!r}: not a .safetensors file')
    except (OSError, ValueError) as error:  # a name too long, a user without a home
        raise CheckpointError(f'weights: {error}') from error
    shipped = ', '.join(sorted(p.stem for p in WEIGHTS.glob('*.safetensors'))) or 'none'
    raise CheckpointError(f'weights {str(weights)!r}: no file {path}; give the path of a '
                          f'.safetensors file or the name of shipped weights ({shipped})')


def load_checkpoint(weights: str | os.PathLike[str] = DEFAULT) -> Checkpoint:
    """
    Load weights by name or path onto the CPU, in float32.

    Raises CheckpointError for missing, truncated, altered or foreign files.
    """
    path = find(weights)
    meta = _read_meta(path.with_suffix('.json'))
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError(f'{path}: larger than {MAX_BYTES >> 20} MiB, not one of ours')
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != meta['sha256']:
        raise CheckpointError(f'{path}: checksum differs from the one in {path.stem}.json: the '
                              'file is truncated or was altered; copy both files again')
    try:
        model = denoisers.build(meta['architecture'], meta['config'])
        _fill(model, load(data))
    except (ValueError, RuntimeError, SafetensorError) as error:
        reason = ' '.join(str(error).split())[:MAX_REASON]
        raise CheckpointError(f'{path}: does not fit this version ({reason}); update the package '
                              'or take weights made for it') from error
    return Checkpoint(model.eval(), path.stem, digest, meta['schedule'],
                      (meta['mask_values'][0], meta['mask_values'][1]), meta['training'],
                      meta['temperature'], meta['offset'])


def check_target(path: Path) -> None:
    """Raise CheckpointError, naming it, for a path that weights cannot be loaded from again."""
    if path.suffix != '.safetensors':
        raise CheckpointError(f'{path}: weights are written to a file that ends in .safetensors')


def save_checkpoint(path: Path, model: nn.Module, schedule: str,
                    mask_values: tuple[float, float], training: dict[str, Any],
                    temperature: float = 1.0, offset: float = 0.0) -> None:
    """
    Write `path` and its JSON beside it, matrices in float16, the rest in float32.

    Raises CheckpointError for a path that check_target refuses, and before anything is written
    for a weight that is not finite in what it is kept in.
    """
    check_target(path)
    state = {name: _compact(value) for name, value in model.state_dict().items()}
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise CheckpointError(f'{path}: {name} is not finite in {value.dtype}: nothing was '
                                  'written')
    data = save(state)
    meta = {'architecture': model.architecture, 'config': model.config_dict(),
            'schedule': schedule, 'mask_values': list(mask_values),
            'temperature': float(temperature), 'offset': float(offset),
            'sha256': hashlib.sha256(data).hexdigest()}
    meta = {**meta, 'settings_sha256': settings_digest(meta), 'training': training}
    write_together({path: data, path.with_suffix('.json'):
                    json.dumps(meta, indent=1).encode() + b'\n'})


def settings_digest(meta: Mapping[str, Any]) -> str:
    """Return SHA-256 over all of a checkpoint's JSON that sampling depends on: 64 hex digits."""
    text = json.dumps({key: meta[key] for key in SETTINGS}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _compact(value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if value.is_floating_point() and value.ndim > 1 else value


def _fill(model: nn.Module, state: dict[str, Tensor]) -> None:
    model.load_state_dict({name: value.float() if value.is_floating_point() else value
                           for name, value in state.items()})
    if not all(torch.isfinite(value).all() for value in model.state_dict().values()):
        raise ValueError('it holds values that are not finite')


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f'{path}: cannot be read ({error}); it belongs beside the '
                              '.safetensors file of the same name') from error
    for key, kind in {**SETTINGS, 'settings_sha256': str, 'training': dict}.items():
        if not isinstance(meta, dict) or not isinstance(meta.get(key), kind):
            raise CheckpointError(f'{path}: {key!r} is missing or not a {kind.__name__}; the file '
                                  'was altered, or made by another program or version: take '
                                  'weights made for this one')
    if settings_digest(meta) != meta['settings_sha256']:
        raise CheckpointError(f'{path}: its settings are not those of settings_sha256: the file '
                              'was altered; copy both files again')
    values = meta['mask_values']
    if len(values) != 2 or not all(type(v) in (int, float) for v in values) or \
            not -100 <= values[0] < values[1] <= 100:
        raise CheckpointError(f"{path}: 'mask_values' must be two rising numbers, got {values}; "
                              'the file was made by another program')
    for key, least, most in (('temperature', 0.1, 10), ('offset', -10, 10)):
        value = meta[key]
        if not least <= value <= most:
            raise CheckpointError(f'{path}: {key!r} must lie in {least} to {most}, got {value}; '
                                  'the file was altered or made by another program')
    if meta['schedule'] not in SCHEDULES:
        raise CheckpointError(f'{path}: unknown schedule {meta["schedule"]!r}; this version knows '
                              + ', '.join(sorted(SCHEDULES)))
    return meta
