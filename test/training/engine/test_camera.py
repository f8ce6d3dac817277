"""The camera keeps the range and what is seen, and changes how it looks, image by image."""

import pytest
import torch
from training.engine import camera
from training.engine.camera import developed
from training.engine.randomness import SceneRandom


def seeded(count, seed=0):
    """Return draws for so many, of that seed."""
    return SceneRandom(seed, torch.arange(count))


def halves(batch, side, left=0.2, right=0.8):
    """Return images that are dark on the left and bright on the right."""
    image = torch.full((batch, 3, side, side), left)
    image[..., side // 2:] = right
    return image


@pytest.mark.parametrize('batch, side', [(1, 64), (9, 50), (16, 128)])
def test_range_and_shape_are_kept(batch, side):
    image = torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(1))
    before = image.clone()
    found = developed(image, seeded(len(image)))
    assert found.shape == image.shape and found.dtype == torch.float32
    assert found.min() >= 0 and found.max() <= 1
    assert torch.equal(image, before)


def test_every_image_is_changed_in_its_own_way():
    image = halves(24, 48)
    found = developed(image, seeded(len(image)))
    assert ((found - image).abs().mean(dim=(1, 2, 3)) > 0.005).all()
    assert len({tuple(mean.tolist()) for mean in found.mean(dim=(2, 3))}) == 24


def test_what_is_seen_stays():
    found = developed(halves(64, 48), seeded(64)).mean(dim=1)
    assert (found[..., 30:].mean(dim=(1, 2)) > found[..., :18].mean(dim=(1, 2)) + 0.2).all()


def test_equal_seeds_develop_equally():
    image = halves(8, 32)
    assert torch.equal(developed(image, seeded(8, 1)), developed(image, seeded(8, 1)))
    assert not torch.equal(developed(image, seeded(8, 1)), developed(image, seeded(8, 2)))


@pytest.mark.parametrize('side', [64, 50])
def test_blocks_leave_a_flat_image_flat(side):
    image = seeded(6).uniform((3, 1, 1)).expand(-1, -1, side, side)
    found = camera._compressed(image, seeded(len(image)))
    assert found.std(dim=(2, 3)).max() < 1e-5
    assert (found - image).abs().max() < 0.05


def test_blocks_lose_detail_but_not_the_picture():
    image = seeded(6).uniform((3, 64, 64), 0, 0.5) + halves(6, 64, 0, 0.5)
    found = camera._compressed(image, seeded(len(image)))
    lost = (found - image).abs().mean(dim=(1, 2, 3))
    assert (lost > 0.005).all() and (lost < 0.15).all()


def test_blur_softens_edges_and_keeps_brightness():
    image = halves(8, 64)
    found = camera._blurred(image, seeded(len(image)))
    assert (found.mean(dim=(1, 2, 3)) - 0.5).abs().max() < 0.02
    steepest = (found[..., 1:] - found[..., :-1]).amax(dim=(1, 2, 3))
    assert (steepest < 0.6).all() and steepest.std() > 0.01


def test_noise_is_of_different_strength():
    image = torch.full((40, 3, 32, 32), 0.5)
    grain = (camera._noisy(image, seeded(len(image))) - image).std(dim=(1, 2, 3))
    assert grain.min() == 0 and 0.02 < grain.max() < 0.08
