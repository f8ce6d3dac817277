"""The paper's network: its size, its inputs, what it refuses."""

import pytest
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
import torch
from torch.utils.flop_counter import FlopCounterMode


def small(**changes):
    """Return a narrow network on 32 x 32 pixels whose output is not all zeros."""
    torch.manual_seed(0)
    return ConcatUNet(ConcatUNetConfig(**{'mask_size': 32, 'channels': 16, 'multipliers': (1, 2),
                                          'blocks': 1, 'attention_size': 16, **changes})).eval()


def test_the_authors_network_has_83_million_parameters_and_takes_30_gmac_a_call():
    model = ConcatUNet()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert round(parameters / 1e6, 2) == 82.96
    inputs = torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        assert model(*inputs, torch.ones(1)).shape == (1, 2, 64, 64)
    assert round(counter.get_total_flops() / 2e9, 1) == 29.7


def test_image_cumulative_mask_and_time_all_matter():
    model = small()
    image, mask, x_t = torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 32, 32), torch.randn(
        1, 1, 32, 32)
    with torch.inference_mode():
        answer = model(image, mask, x_t, torch.tensor([0.5]))
        for changed in ((1 - image, mask, x_t, torch.tensor([0.5])),
                        (image, 1 - mask, x_t, torch.tensor([0.5])),
                        (image, mask, -x_t, torch.tensor([0.5])),
                        (image, mask, x_t, torch.tensor([0.6]))):
            assert not torch.allclose(model(*changed), answer, atol=1e-4)


def test_the_first_step_of_1000_has_index_0_and_the_last_999():
    model, seen = small(), []
    model.unet.register_forward_pre_hook(lambda unet, given: seen.append(given[1]))
    with torch.inference_mode():
        model(torch.zeros(2, 3, 32, 32), torch.zeros(2, 1, 32, 32), torch.zeros(2, 1, 32, 32),
              torch.tensor([1 / 1000, 1.0]))
    assert seen[0].round(decimals=3).tolist() == [0, 999]


def test_dis_does_not_see_the_cumulative_mask():
    model = small(cumulative=False)
    image, mask, x_t = torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 32, 32), torch.randn(
        1, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(model(image, mask, x_t, torch.ones(1)),
                           model(image, 1 - mask, x_t, torch.ones(1)))


def test_without_learned_variance_there_is_one_channel():
    with torch.inference_mode():
        answer = small(learned_variance=False)(
            torch.zeros(2, 3, 32, 32), torch.zeros(2, 1, 32, 32), torch.zeros(2, 1, 32, 32),
            torch.ones(2))
    assert answer.shape == (2, 1, 32, 32)


def test_the_image_is_scaled_as_the_settings_say():
    image = torch.tensor([0.0, 0.5, 1.0]).reshape(1, 3, 1, 1).expand(1, 3, 32, 32)
    scaled, = small(image_values=(-1.0, 1.0)).encode(image)
    assert scaled[0, :, 0, 0].tolist() == [-1, 0, 1]


def test_its_sizes_make_the_same_network_again():
    model = small()
    again = ConcatUNet(ConcatUNetConfig(**model.config_dict()))
    again.load_state_dict(model.state_dict())


@pytest.mark.parametrize('settings, reason', [
    ({'mask_size': 36}, 'mask_size must be a multiple of 8'),
    ({'channels': 20}, 'channels must be a multiple of 16'),
    ({'channels': 48}, 'channels times each of multipliers must be multiples of 32'),
    ({'multipliers': ()}, 'multipliers must be 1 to 6'),
    ({'image_values': (1, 0)}, 'image_values must be two rising numbers'),
])
def test_sizes_that_no_network_has_are_named(settings, reason):
    with pytest.raises(ValueError, match=reason):
        ConcatUNetConfig(**settings)
