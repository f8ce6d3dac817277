"""Devices by name, and which of them compute in bfloat16."""

from pathlib import Path

import pytest
from seq_amodal_ros.devices import choose_device, computes_in_bfloat16, DeviceError
import torch


def test_auto_takes_cuda_where_there_is_one():
    assert choose_device('auto').type == ('cuda' if torch.cuda.is_available() else 'cpu')


@pytest.mark.parametrize('name', ['gpu', 'cuda:99', 'mps'])
def test_devices_that_are_not_there_are_named(name):
    with pytest.raises(DeviceError, match=f"device '{name}'"):
        choose_device(name)


def test_bfloat16_is_used_where_the_processor_says_that_it_has_it():
    flags = Path('/proc/cpuinfo').read_text().split()
    known = hasattr(torch.cpu, 'get_capabilities')
    assert computes_in_bfloat16(torch.device('cpu')) == (known and 'avx512_bf16' in flags)
