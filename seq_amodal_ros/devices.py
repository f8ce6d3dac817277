"""Where the network runs: the device, and the precision in which that device computes sooner."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
import gc
import time

import torch
from torch.nn import functional

ROUNDS = 9
GAIN = 1.1  # below, noise would decide from one start to the next, and with it the last digits


class DeviceError(ValueError):
    """A device that this machine does not have."""


def choose_device(name: str = 'auto') -> torch.device:
    """
    Return the torch device of that name; 'auto' is CUDA where there is one, else the CPU.

    Raises DeviceError, naming the setting, for a device that is not there.
    """
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f'device {name!r}: no device; use auto, cpu, cuda or cuda:N') from error
    if device.type == 'cuda':
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise DeviceError(f'device {name!r}: this machine shows {count} CUDA devices to '
                              'PyTorch; use device auto or cpu, or install a CUDA build of torch')
    elif device.type != 'cpu':
        raise DeviceError(f'device {name!r}: use auto, cpu, cuda or cuda:N')
    return device


@cache
def computes_in_bfloat16(device: torch.device) -> bool:
    """
    Return whether the device computes sooner in bfloat16 than in float32.

    A CPU that has instructions for it is timed, once a process: some take longer by them, as where
    a virtual machine hides the matrix unit that they are made for. Others imitate it.
    """
    if device.type == 'cuda':
        return torch.cuda.get_device_capability(device) >= (8, 0)
    ask = getattr(torch.cpu, 'get_capabilities', None)  # older torch cannot be asked
    if ask is None or not ask().get('avx512_bf16', False):
        return False
    fast, plain = (_filter(kind) for kind in (torch.bfloat16, torch.float32))
    with _one_thread():  # several would wait for each other, and that is no matter of precision
        rounds = [(_seconds(fast), _seconds(plain)) for _ in range(ROUNDS)]  # in turn, for fairness
    return min(seconds for seconds, _ in rounds) * GAIN < min(seconds for _, seconds in rounds)


def whole_float32(device: torch.device) -> AbstractContextManager[None]:
    """Let cuDNN round float32 as such within; by itself it takes TF32, of 10 bits, for it."""
    if device.type != 'cuda':
        return nullcontext()
    cudnn = torch.backends.cudnn
    return cudnn.flags(enabled=cudnn.enabled, benchmark=cudnn.benchmark,
                       deterministic=cudnn.deterministic, allow_tf32=False)


def release(device: torch.device) -> None:
    """Give the device back the memory of what nobody holds any more: networks hold themselves."""
    gc.collect()
    if device.type == 'cuda':
        torch.cuda.empty_cache()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _filter(kind: torch.dtype) -> Callable[[], object]:
    """Return a filter such as the network's, ready to run."""
    x = torch.ones((1, 64, 56, 56), dtype=kind).to(memory_format=torch.channels_last)
    weight = torch.ones((64, 64, 3, 3), dtype=kind).to(memory_format=torch.channels_last)
    return torch.inference_mode()(lambda: functional.conv2d(x, weight, padding=1))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
