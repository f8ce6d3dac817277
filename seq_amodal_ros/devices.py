"""Where the network runs: the device, and the precision in which that device computes."""

import torch


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


def computes_in_bfloat16(device: torch.device) -> bool:
    """Return whether the device has instructions for bfloat16; others only imitate it, slowly."""
    if device.type == 'cuda':
        return torch.cuda.get_device_capability(device) >= (8, 0)
    ask = getattr(torch.cpu, 'get_capabilities', None)  # older torch cannot be asked
    return ask is not None and bool(ask().get('avx512_bf16', False))
