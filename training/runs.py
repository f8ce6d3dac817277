"""What every training has: a learner, and a run that is saved and resumed whole."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
import copy
import logging
from pathlib import Path
import pickle
from typing import Any, Protocol

from seq_amodal_ros.checkpoint import CheckpointError, save_checkpoint
import torch
from torch import nn, Tensor
from training.locks import locked

log = logging.getLogger('training')
MAX_REASON = 200  # characters of what torch says


class TrainingError(RuntimeError):
    """Training that cannot go on; the message names the step or the file."""


class RunConfig(Protocol):
    """What a run asks of its config."""

    @property
    def seed(self) -> int:
        """Return what weights and noise begin with."""

    @property
    def schedule(self) -> str:
        """Return the name of the noise schedule."""

    @property
    def mask_values(self) -> tuple[float, float]:
        """Return what off and on of a mask become before noise."""


class Learner:
    """A network that learns, the average of its weights, its optimiser and the steps taken."""

    def __init__(self, model: nn.Module, optimiser: torch.optim.Optimizer, ema: float) -> None:
        """Begin at step 0; `ema` is the decay of the average."""
        self.model, self.optimiser, self.ema = model, optimiser, ema
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.step = 0
        self.whole = True  # False while a step is taken: such a state is not one to go on from

    def learn(self, loss: Tensor) -> Tensor:
        """
        Take a step down the loss; return the norm of its gradient, which is clipped to 1.

        Raises TrainingError where that is not finite; then no weight has changed.
        """
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if not norm.isfinite():
            raise TrainingError(f'step {self.step + 1}: the gradient has norm {norm.item()}, its '
                                f'loss is {loss.item()}: lower learning_rate, in another run')
        self.whole = False
        self.optimiser.step()
        self.step += 1
        update_average(self.average, self.model, min(self.ema, self.step / (self.step + 10)))
        self.whole = True
        return norm

    def state(self) -> dict[str, Any]:
        """Return all that another learner of such a network needs to go on as this one would."""
        return {'model': self.model.state_dict(), 'average': self.average.state_dict(),
                'optimiser': self.optimiser.state_dict(), 'step': self.step}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`; what else it holds is passed over."""
        for name in ('model', 'average', 'optimiser'):
            getattr(self, name).load_state_dict(state[name])
        self.step = state['step']


class Run(ABC):
    """
    A training in a folder, which no other process then uses: saved and resumed whole.

    A kind of run sets what its `begin` needs, then calls this `__init__`; `begin` sets:

    learner    whatever is learnt
    identity   what must be the same when the run is gone on with
    precision  'float32' or 'bfloat16'; measured, so it may be another the next time: a run keeps
               what it was begun in
    """

    learner: Learner
    identity: dict[str, Any]
    precision: str

    def __init__(self, folder: Path, config: RunConfig, locks: bool = True) -> None:
        """
        Resume the run that `folder` holds, or begin one.

        Raises ValueError, naming folder and settings, if it was begun with others.
        """
        torch.manual_seed(config.seed)
        torch.backends.cudnn.allow_tf32 = False  # by itself float32 is TF32 to cuDNN
        self.folder, self.state, self.seconds = folder, folder / 'state.pt', 0.0
        self._exported_with = config.schedule, config.mask_values
        self._lock = locked(folder) if locks else None
        try:
            saved = read_state(self.state)
            self.begin(saved is None)
            if saved is not None:
                self._resume(saved)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def begin(self, anew: bool) -> None:
        """Make what is learnt, its identity and precision; what is not anew is then restored."""

    def _resume(self, saved: Mapping[str, Any]) -> None:
        check_same(self.folder, saved.get('identity', {}), self.identity)
        self.learner.restore(saved)
        self.seconds = saved['seconds']
        self.precision = saved.get('precision', self.precision)
        log.info('resumed %s at step %d', self.folder, self.step)

    @property
    def step(self) -> int:
        """Return how many steps were taken."""
        return self.learner.step

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.close()

    def save(self, facts: Mapping[str, Any]) -> None:
        """
        Write the state and export the averaged weights with facts; never half a file.

        Raises TrainingError, naming the file, where that cannot be.
        """
        write_state(self.state, {**self.learner.state(), 'seconds': self.seconds,
                                 'identity': self.identity, 'precision': self.precision})
        try:
            save_checkpoint(self.folder / 'weights.safetensors', self.learner.average,
                            *self._exported_with,
                            {**facts, 'steps': self.step, 'seconds': round(self.seconds),
                             'precision': self.precision})
        except CheckpointError as error:
            raise TrainingError(str(error)) from error


def generator_of(seed: int, step: int, rank: int, device: str) -> torch.Generator:
    """Return the generator of a step of one process: nothing needs to be saved to resume it."""
    number = (seed * 1_000_003 + step) * 4099 + rank
    return torch.Generator(device).manual_seed(number % (1 << 62))


def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights and statistics towards the model's by 1 - decay."""
    with torch.no_grad():
        for mean, now in zip(average.state_dict().values(), model.state_dict().values()):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)


def check_same(folder: Path, begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ValueError, naming folder and settings, if a run was begun with other values."""
    changed = [key for key, value in now.items() if begun.get(key) != value]
    if changed:
        raise ValueError(f'{folder}: begun with other values of {", ".join(changed)}; '
                         'give those, or another folder')


def left(step: int, steps: int) -> str:
    """Return in words where a run was stopped, and the way on."""
    return f'stopped at step {step} of {steps}; the same command goes on from there'


def read_state(path: Path) -> dict[str, Any] | None:
    """
    Return the state that was saved at `path`, on the CPU; None where none was.

    Raises ValueError, naming the file, for one that no run saved.
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
        if not isinstance(state, dict):
            raise ValueError(f'it holds a {type(state).__name__}')
        return state
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError, LookupError,
            ValueError) as error:
        reason = ' '.join(str(error).split())[:MAX_REASON]
        raise ValueError(f'{path}: cannot be read ({reason}); begin anew in another folder, from '
                         'the weights beside it (--start)') from error


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Save a state, never half of one; raises TrainingError, naming the file, where it cannot."""
    part = path.with_suffix('.part')
    try:
        torch.save(state, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # RuntimeError is what torch makes of a full disk
        reason = ' '.join(str(error).split())[:MAX_REASON]
        raise TrainingError(f'{path}: cannot be written ({reason}); make room there') from error
    finally:
        part.unlink(missing_ok=True)
