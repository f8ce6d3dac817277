"""Devices by name, and which of them compute in bfloat16."""

import pytest
from seq_amodal_ros import devices
from seq_amodal_ros.devices import (
    choose_device,
    computes_in_bfloat16,
    DeviceError,
    whole_float32,
)
import torch


def test_auto_takes_cuda_where_there_is_one():
    assert choose_device('auto').type == ('cuda' if torch.cuda.is_available() else 'cpu')


@pytest.mark.parametrize('name', ['gpu', 'cuda:99', 'mps'])
def test_devices_that_are_not_there_are_named(name):
    with pytest.raises(DeviceError, match=f"device '{name}'"):
        choose_device(name)


@pytest.fixture
def asked_anew():
    """Let the processor be asked again in this test, and after it."""
    computes_in_bfloat16.cache_clear()
    yield
    computes_in_bfloat16.cache_clear()


@pytest.mark.parametrize('has_it, fast, plain, chosen', [
    (True, 1.0, 2.0, True), (True, 2.0, 1.0, False), (True, 1.0, 1.05, False),
    (False, 1.0, 2.0, False)])
def test_bfloat16_is_used_where_it_is_there_and_sooner(asked_anew, monkeypatch, has_it, fast, plain,
                                                       chosen):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: {'avx512_bf16': has_it},
                        raising=False)
    monkeypatch.setattr(devices, '_filter', lambda kind: kind)
    monkeypatch.setattr(devices, '_seconds',
                        lambda kind: fast if kind == torch.bfloat16 else plain)
    assert computes_in_bfloat16(torch.device('cpu')) == chosen


def test_a_processor_without_bfloat16_is_not_asked_to_imitate_it(asked_anew, monkeypatch):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', dict, raising=False)
    monkeypatch.setattr(devices, '_filter', lambda kind: pytest.fail('it was timed'))
    assert not computes_in_bfloat16(torch.device('cpu'))


@pytest.mark.parametrize('slow', [torch.bfloat16, torch.float32])
def test_the_slower_of_two_filters_is_not_chosen(asked_anew, monkeypatch, slow):
    def filter_of(kind):
        work = devices_filter(torch.float32)
        return (lambda: [work() for _ in range(4)]) if kind == slow else work

    devices_filter = devices._filter
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: {'avx512_bf16': True},
                        raising=False)
    monkeypatch.setattr(devices, '_filter', filter_of)
    threads = torch.get_num_threads()
    assert computes_in_bfloat16(torch.device('cpu')) == (slow == torch.float32)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize('name, count', [('cuda', 0), ('cuda:0', 0), ('cuda:1', 1)])
def test_a_device_more_than_there_are_is_named(monkeypatch, name, count):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: count > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: count)
    with pytest.raises(DeviceError, match=f"device '{name}': this machine shows {count} CUDA"):
        choose_device(name)


def test_one_disturbed_round_decides_nothing(asked_anew, monkeypatch):
    times = iter([9.0, 2.0] + [1.0, 2.0] * (devices.ROUNDS - 1))
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: {'avx512_bf16': True},
                        raising=False)
    monkeypatch.setattr(devices, '_filter', lambda kind: kind)
    monkeypatch.setattr(devices, '_seconds', lambda kind: next(times))
    assert computes_in_bfloat16(torch.device('cpu'))


def test_float32_is_not_tf32_on_cuda_and_what_cudnn_was_told_comes_back(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, 'allow_tf32', True)
    monkeypatch.setattr(cudnn, 'deterministic', True)
    with whole_float32(torch.device('cuda')):
        assert (cudnn.allow_tf32, cudnn.deterministic, cudnn.enabled) == (False, True, True)
    assert cudnn.allow_tf32
    with whole_float32(torch.device('cpu')):
        assert cudnn.allow_tf32  # nothing is changed where there is no need
