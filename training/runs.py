"""What every run needs: a folder of its own, averaged weights, a state saved whole."""

import fcntl
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import nn


def locked(folder: Path) -> TextIO:
    """Return the folder's lock, held as long as the file is open; raises ValueError if it is."""
    lock = (folder / 'lock').open('w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ValueError(f'{folder}: another process works there; stop it, or give another '
                         'folder') from error
    return lock


def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights and statistics towards the model's by 1 - decay."""
    with torch.no_grad():
        for mean, now in zip(average.state_dict().values(), model.state_dict().values()):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)


def read_state(path: Path) -> dict[str, Any] | None:
    """Return the state that was saved at `path`, on the CPU; None where none was."""
    if not path.is_file():
        return None
    return torch.load(path, map_location='cpu', weights_only=True)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Save a state; never half of one."""
    part = path.with_suffix('.part')
    torch.save(state, part)
    part.replace(path)
