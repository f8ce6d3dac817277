"""The blocks that the networks are built of, against PyTorch's own."""

import pytest
from seq_amodal_ros.denoisers.blocks import Halving, Modulation, Norm, patches, upsample
import torch
from torch.nn import functional


def test_halving_is_a_strided_convolution_whether_it_learns_or_not():
    torch.manual_seed(0)
    layer, x = Halving(16, 32), torch.randn(2, 16, 8, 12)
    expected = functional.conv2d(x, layer.weight, layer.bias, stride=2, padding=1)
    torch.testing.assert_close(layer(x), expected)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), expected)


def test_halving_learns_in_float32_under_autocast_and_keeps_the_dtype():
    torch.manual_seed(0)
    layer, x = Halving(16, 32), torch.randn(2, 16, 8, 12, dtype=torch.bfloat16)
    with torch.autocast('cpu', torch.bfloat16):
        y = layer(x)
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16
    alone = layer.weight.detach().clone().requires_grad_()
    functional.conv2d(x.float(), alone, stride=2, padding=1).sum().backward()
    torch.testing.assert_close(layer.weight.grad, alone.grad)


@pytest.mark.parametrize('side', [8, 32])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_a_norm_is_a_group_norm_on_small_maps_and_large_in_either_layout(side, layout):
    torch.manual_seed(0)
    norm, x = Norm(48), torch.randn(2, 48, side, side).to(torch.bfloat16)
    norm.weight.data.uniform_(0.5, 2)
    norm.bias.data.normal_()
    expected = functional.group_norm(x.float(), 16, norm.weight, norm.bias)
    y = norm(x.contiguous(memory_format=layout))
    assert y.dtype == torch.bfloat16
    assert y.is_contiguous(memory_format=layout)
    torch.testing.assert_close(y.float(), expected, atol=0.03, rtol=0.01)


@pytest.mark.parametrize('rows', [1, 2])
@pytest.mark.parametrize('side', [8, 32])
def test_a_norm_is_scaled_and_shifted_by_one_modulation_for_all_or_by_each_ones(rows, side):
    torch.manual_seed(0)
    norm, x, modulation = Norm(48), torch.randn(2, 48, side, side), torch.randn(rows, 96)
    norm.weight.data.uniform_(0.5, 2)
    norm.bias.data.normal_()
    normed = functional.group_norm(x, 16, norm.weight, norm.bias)
    expected = normed * (1 + modulation[:, :48, None, None]) + modulation[:, 48:, None, None]
    torch.testing.assert_close(norm(x, modulation), expected)
    fast = norm(x.to(torch.bfloat16), modulation)
    assert fast.dtype == torch.bfloat16
    torch.testing.assert_close(fast.float(), expected, atol=0.1, rtol=0.02)


def test_a_modulation_is_float32_under_autocast_too():
    torch.manual_seed(0)
    layer, x = Modulation(8, 16), torch.randn(1, 8)
    with torch.autocast('cpu', torch.bfloat16):
        answer = layer(x)
    expected = functional.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(answer, expected, atol=0, rtol=0)


def test_patches_go_to_channels_and_upsampling_repeats_each_cell():
    mask = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert patches([mask, mask], 2).shape == (1, 8, 2, 2)
    assert patches([mask], 2)[0, :, 0, 1].tolist() == [2, 3, 6, 7]
    assert upsample(mask)[0, 0, :2, :2].tolist() == [[0, 0], [0, 0]]
