"""
What is given a device keeps to it, as CUDA asks; shown on a machine that has none.

Another device is pretended: its tensors hold their numbers on the CPU and say that they lie on
'meta', and what mixes them with the CPU's raises, as on CUDA. Its results are the CPU's.
"""

from contextlib import nullcontext
from dataclasses import fields
from typing import ClassVar

import cv2
import numpy as np
import pytest
from seq_amodal_ros import inference
from seq_amodal_ros.checkpoint import load_checkpoint
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
from seq_amodal_ros.diffusion.schedules import SCHEDULES
from seq_amodal_ros.inference import Frames, Network, Settings
import torch
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode
from training.config import read_config
from training.feed import Feed
from training.objective import layer_losses
from training.runs import Learner
from training.train import learning_parts, optimiser_of

OTHER, CPU = torch.device('meta'), torch.device('cpu')
INDEXED = ('index', 'index_put', 'index_put_', '_index_put_impl_')  # by indices of any device
WAITS = ('_local_scalar_dense', 'item', 'equal', 'nonzero', 'masked_select', '_unique2',
         'unique_dim', 'repeat_interleave')  # the host needs a value, or how many there are


class Apart(torch.Tensor):
    """A tensor of the other device."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held):
        """Wrap the CPU's tensor that holds its numbers."""
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype, device=OTHER)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        """Raise: nothing is computed on a device that is not there."""
        raise RuntimeError(f'{operation.name()}: on the other device while it is not pretended')

    def tolist(self):
        """Return the numbers."""
        return self.cpu().tolist()


class Pretended(TorchDispatchMode):
    """The other device, there while this is entered; counts how often the host waits for it."""

    def __init__(self):
        """Wait for nothing yet."""
        super().__init__()
        self.waits = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        """Compute on the CPU what tensors of one device, or a new one, are to become."""
        flat = _pytree.tree_leaves((args, kwargs or {}))
        ours = [item for item in flat if isinstance(item, Apart)]
        told = [item for item in flat if isinstance(item, torch.device)]
        stays = told[0] == OTHER if told else bool(ours)
        name = operation.overloadpacket.__name__
        if not told and name != 'copy_':
            refuse_to_mix(name, args, flat, ours)
        for item in flat:
            if isinstance(item, torch._C.Generator):
                assert Generator.is_there(item) == stays, f'{name}: {item.device}'
        self.waits += bool(ours) and (not stays or waits(name, args))
        made = operation(*_pytree.tree_map(on_cpu, args), **_pytree.tree_map(on_cpu, kwargs or {}))
        same = {id(tensor.held): tensor for tensor in ours}  # what was changed in place
        if not stays:
            return made
        return _pytree.tree_map_only(
            torch.Tensor, lambda t: same[id(t)] if id(t) in same else Apart(t), made)


class Generator(torch.Generator):
    """Random numbers of either device."""

    there: ClassVar[list[torch.Generator]] = []  # operations see them without their class

    def __new__(cls, device='cpu'):
        """Return one that lives on the CPU, whatever it says."""
        made = super().__new__(cls, 'cpu')
        if torch.device(device) == OTHER:
            cls.there.append(made)
        return made

    def __init__(self, device='cpu'):
        """Say nothing of the device to what it is made of."""

    @classmethod
    def is_there(cls, generator):
        """Return whether it is one of the other device."""
        return generator._cdata in [made._cdata for made in cls.there]


def on_cpu(item):
    """Return an argument as the CPU takes it."""
    return item.held if isinstance(item, Apart) else CPU if isinstance(item, torch.device) else item


def refuse_to_mix(name, args, flat, ours):
    """Raise RuntimeError as CUDA does; single numbers of the CPU go with everything."""
    if name in INDEXED and isinstance(args[0], Apart):
        flat = [args[0], *args[2:]]
    theirs = [item for item in flat if isinstance(item, torch.Tensor) and item.ndim
              and not isinstance(item, Apart)]
    if ours and theirs:
        raise RuntimeError(f'{name}: tensors of two devices, on the CPU {theirs[0].shape}')


def waits(name, args):
    """Return whether the host waits for what the device computes before it goes on."""
    if name in INDEXED:
        return any(index is not None and index.dtype == torch.bool for index in args[1])
    return name in WAITS and not any(isinstance(count, int) for count in args[1:2])


@pytest.fixture
def device(monkeypatch):
    """Yield the other device's mode, entered."""
    tensor = torch.tensor  # copies to its device past the mode
    with Pretended() as mode:
        monkeypatch.setattr(torch, 'Generator', Generator)
        monkeypatch.setattr(torch, 'tensor', lambda data, dtype=None, device='cpu':
                            tensor(data, dtype=dtype).to(device))
        monkeypatch.setattr(torch, 'autocast', lambda *_, **__: nullcontext())
        monkeypatch.setattr(inference, 'computes_in_bfloat16', lambda device: False)
        yield mode
        monkeypatch.undo()


def test_what_mixes_two_devices_raises(device):
    theirs, ours = torch.ones(2, 3), torch.ones(2, 3, device=OTHER)
    assert torch.equal((ours + ours[0, 0] + torch.tensor(1.0)).cpu(), 3 * theirs)
    assert ours[torch.tensor([1])].device == OTHER
    rows = torch.tensor([1])
    for mix in (lambda: ours + theirs, lambda: torch.cat([ours, theirs]),
                lambda: theirs[rows.to(OTHER)], lambda: ours.index_select(0, rows),
                lambda: ours.index_add_(0, rows, ours[:1]),
                lambda: ours.__setitem__(rows, theirs[:1])):
        with pytest.raises(RuntimeError, match='tensors of two devices'):
            mix()
    with pytest.raises(AssertionError, match='rand'):
        torch.rand(3, generator=torch.Generator(), device=OTHER)


@pytest.mark.parametrize('work, count', [
    (lambda x: x + x[0, 0], 0), (lambda x: x.repeat_interleave(2, dim=0), 0),
    (lambda x: x[0, 0].item(), 1), (lambda x: torch.nonzero(x), 1), (lambda x: x[x > 0], 1),
    (lambda x: x.masked_select(x > 0), 1), (lambda x: torch.unique(x), 1), (lambda x: x.cpu(), 1),
    (lambda x: x.__setitem__(x > 0, 2.0), 1), (lambda x: torch.equal(x, x), 1)])
@pytest.mark.parametrize('mode', [nullcontext, torch.inference_mode])
def test_what_the_host_needs_is_waited_for(device, work, count, mode):
    with mode():
        given = torch.ones(2, 3, device=OTHER)
        work(given)
    assert device.waits == count


def test_scenes_are_composed_and_recorded_ones_served_there(device, config, composed):
    given = (read_config(config), [], [composed / 'annotations.json'])
    there, here = (Feed(*given, name).scenes() for name in ('meta', 'cpu'))
    for field in fields(here):
        expected = getattr(here, field.name)
        assert expected is None or torch.equal(getattr(there, field.name).cpu(), expected)


@pytest.mark.filterwarnings('ignore:.* meta parameter')  # it does copy
def test_a_learner_learns_there_and_goes_on_from_a_saved_state(device, config, composed):
    given = read_config(config)
    feed = Feed(given, [], [composed / 'annotations.json'], 'meta')
    alpha_bar, generator = SCHEDULES[given.schedule]().to(OTHER), torch.Generator(OTHER)

    def learner():
        model = EncodeOnceDenoiser(EncodeOnceConfig(32, widths=(16, 16, 16), time_width=16))
        model.to(OTHER)
        learning_parts(model, given)
        return Learner(model, optimiser_of(model, given), given.ema)

    def step(one):
        losses = layer_losses(one.model, feed.scenes(), alpha_bar, given, generator)
        return one.learn(torch.stack(list(losses.values())).sum()).item()

    first, second = learner(), learner()
    assert step(first) > 0
    second.restore(_pytree.tree_map_only(torch.Tensor, torch.Tensor.cpu, first.state()))
    assert step(second) > 0
    assert second.step == 2


def test_the_host_waits_once_for_a_layer(device, composed):
    images = [cv2.imread(str(path)) for path in sorted((composed / 'images').iterdir())[:2]]
    numbers, covered = [0, 1], np.zeros((2, 32, 32), bool)
    covered[0, :9] = True
    answers = []
    for place in (OTHER, CPU):
        frames = Frames(Network(load_checkpoint(), place), images, (32, 32), Settings())
        before = device.waits
        answers.append(frames.answers(numbers, covered))
        assert device.waits - before == (place == OTHER)
    assert np.array_equal(answers[0].hypotheses, answers[1].hypotheses)
    assert np.array_equal(answers[0].seams, answers[1].seams)
