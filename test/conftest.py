"""What several tests share: a small untrained checkpoint and a folder of composed scenes."""

from pathlib import Path

import pytest
from seq_amodal_ros.checkpoint import save_checkpoint
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
import torch

DATA = Path(__file__).parent / 'data'


@pytest.fixture(scope='session')
def composed():
    """Return the folder of composed scenes that ships for demo and tests."""
    return DATA / 'drawn'


@pytest.fixture(scope='session')
def photographs():
    """Return the folder of photographs that ships for demo and tests."""
    return DATA / 'photographs'


@pytest.fixture
def small_checkpoint(tmp_path):
    """Return the path of an untrained checkpoint of the smallest size."""
    torch.manual_seed(0)
    model = EncodeOnceDenoiser(EncodeOnceConfig(mask_size=32, widths=(16, 16, 16), time_width=16))
    path = tmp_path / 'small.safetensors'
    save_checkpoint(path, model, 'cosine', (-0.5, 0.5), {'steps': 0})
    return path
