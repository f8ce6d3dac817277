"""The encode-once denoiser: shapes, what it may and may not depend on, and its settings."""

import pytest
from seq_amodal_ros.denoisers import build
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
import torch


@pytest.fixture(scope='module')
def model():
    """Return a small network whose zero-initialised outputs were stirred."""
    torch.manual_seed(0)
    model = EncodeOnceDenoiser(EncodeOnceConfig(mask_size=32, widths=(16, 16, 16), time_width=16))
    for parameter in model.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return model.eval()


@torch.no_grad()
def denoised(model, image, cumulative=0.0, noisy=0.0, t=1.0, previous=0.0):
    """Return the logits for constant inputs, perturbed in the top left quarter by `noisy`."""
    size, batch = model.mask_size, len(image)
    mask = torch.zeros(batch, 1, size, size)
    x_t = mask.clone()
    x_t[..., :size // 2, :size // 2] = noisy
    return model.denoise(model.encode(image), mask + cumulative, x_t, torch.full((batch,), t),
                         mask + previous)


def test_logits_have_the_size_of_the_mask(model):
    assert denoised(model, torch.rand(2, 3, 64, 64)).shape == (2, 1, 32, 32)


@pytest.mark.parametrize('change', [{'cumulative': 1.0}, {'noisy': 0.5}, {'t': 0.3},
                                    {'previous': 1.0}])
def test_every_input_matters(model, change):
    image = torch.rand(1, 3, 64, 64)
    assert not torch.allclose(denoised(model, image), denoised(model, image, **change))


def test_one_time_may_stand_for_all_masks(model):
    images, mask = torch.rand(2, 3, 64, 64), torch.zeros(2, 1, 32, 32)
    one = model.denoise(model.encode(images), mask, mask, torch.tensor([0.7]), mask)
    torch.testing.assert_close(one, denoised(model, images, t=0.7), atol=1e-4, rtol=1e-4)


def test_logits_can_be_raised(model):
    image = torch.rand(1, 3, 64, 64)
    before = denoised(model, image)
    model.raise_logits(0.25)
    raised = denoised(model, image)
    model.raise_logits(-0.25)
    assert torch.allclose(raised, before + 0.25, atol=1e-5)


@pytest.mark.parametrize('height, width, shape', [
    (480, 640, (80, 112)), (640, 480, (112, 80)), (99, 99, (96, 96)), (720, 1280, (64, 128)),
    (10, 4000, (48, 192))])
def test_an_image_is_worked_on_in_its_own_aspect(height, width, shape):
    model = EncodeOnceDenoiser(EncodeOnceConfig(mask_size=96, widths=(16, 16, 16), time_width=16))
    assert model.working_shape(height, width) == shape


def test_an_image_may_be_worked_on_at_another_size(model):
    assert model.working_shape(480, 640, 48) == (48, 48)
    assert model.working_shape(480, 640, 192) == (160, 224)


def test_logits_have_the_aspect_of_the_image(model):
    mask, features = torch.zeros(1, 1, 16, 48), model.encode(torch.rand(1, 3, 32, 96))
    assert model.denoise(features, mask, mask, torch.ones(1), mask).shape == mask.shape


def test_images_of_a_batch_do_not_mix(model):
    images = torch.rand(3, 3, 64, 64)
    alone = torch.cat([denoised(model, image[None]) for image in images])
    assert torch.allclose(denoised(model, images), alone, atol=1e-4)


def test_build_makes_the_network_that_its_sizes_describe(model):
    again = build('encode_once', model.config_dict())
    assert again.config == model.config


@pytest.mark.parametrize('sizes', [{'mask_size': 40}, {'mask_size': 4096}, {'patch': 3},
                                   {'time_width': 15}, {'widths': (16, 16)},
                                   {'widths': (16, 16, 20)}])
def test_impossible_sizes_are_named(sizes):
    with pytest.raises(ValueError, match=next(iter(sizes))):
        EncodeOnceConfig(**sizes)
