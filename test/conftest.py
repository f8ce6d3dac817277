"""What several tests share: a small untrained checkpoint and a folder of composed scenes."""

from pathlib import Path
import signal

import pytest
from seq_amodal_ros.checkpoint import save_checkpoint
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
import torch

DATA = Path(__file__).parent / 'data'


@pytest.fixture
def ctrl_c_works():
    """Let what a test starts hear Ctrl-C, to which a shell's background jobs are deaf."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope='session')
def composed():
    """Return the folder of composed scenes that ships for demo and tests."""
    return DATA / 'drawn'


@pytest.fixture(scope='session')
def photographs():
    """Return the folder of photographs that ships for demo and tests."""
    return DATA / 'photographs'


@pytest.fixture(scope='session')
def pile():
    """Return the rosbag2 of a pile that ships for tests."""
    return DATA / 'pile'


@pytest.fixture
def small_checkpoint(tmp_path):
    """Return the path of an untrained checkpoint of the smallest size."""
    torch.manual_seed(0)
    model = EncodeOnceDenoiser(EncodeOnceConfig(mask_size=32, widths=(16, 16, 16), time_width=16))
    path = tmp_path / 'small.safetensors'
    save_checkpoint(path, model, 'cosine', (-0.5, 0.5), {'steps': 0})
    return path
