"""What the losses are of."""

from dataclasses import replace

import pytest
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
from seq_amodal_ros.diffusion.schedules import SCHEDULES
import torch
from training import objective
from training.config import read_config
from training.feed import Feed
from training.objective import advanced, layer_losses, mask_loss, SLACK, soft_iou

SIDE = 20


def strip(columns: int) -> torch.Tensor:
    """Return a mask float [1, 1, SIDE, SIDE] whose first columns are set."""
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[..., :columns] = 1
    return mask


def test_soft_overlap_is_intersection_over_union_with_a_little_slack():
    slack = SLACK * SIDE ** 2
    for guess, true in ((strip(5), strip(5)), (strip(0), strip(0))):
        assert soft_iou(guess, true).item() == 1
    assert soft_iou(strip(4), strip(6)).item() == pytest.approx((80 + slack) / (120 + slack))
    assert soft_iou(0.5 * strip(4), strip(4)).item() == pytest.approx((40 + slack) / (80 + slack))
    assert soft_iou(strip(1), strip(0)).item() == pytest.approx(slack / (20 + slack))


def test_a_mistake_where_an_object_is_yet_to_be_found_counts_more(config):
    given = replace(read_config(config), visible_weight=3.0, overlap_weight=0.0)
    guess, blank = torch.where(strip(5) > 0, 4.0, -20.0), strip(0)
    seen = mask_loss(guess, blank, strip(5), given)
    unseen = mask_loss(guess, blank, 1 - strip(5), given)
    assert seen.item() == pytest.approx(4 * unseen.item(), rel=1e-3)


def test_what_the_overlap_lacks_counts_a_small_layer_as_much_as_a_large_one(config):
    given = replace(read_config(config), visible_weight=0.0, overlap_weight=1.0)
    entropy_alone = replace(given, overlap_weight=0.0)
    blank = torch.full((1, 1, SIDE, SIDE), -20.0)
    small, large = (mask_loss(blank, strip(columns), strip(0), given).item()
                    - mask_loss(blank, strip(columns), strip(0), entropy_alone).item()
                    for columns in (4, 16))
    assert 0.9 < small / large < 1


def test_a_share_of_the_samples_is_noise_alone_and_knows_no_estimate(config, monkeypatch):
    given = replace(read_config(config), from_noise=1.0, self_conditioning=1.0, own_cumulative=0.0)
    model = EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size))
    seen = []
    monkeypatch.setattr(model, 'denoise', lambda pyramid, covered, x_t, t, previous: (
        seen.append((x_t, t, previous)), torch.zeros_like(x_t))[1])
    scenes = Feed(given, [], [], 'cpu').scenes()
    layer_losses(model, scenes, SCHEDULES[given.schedule](), given,
                 torch.Generator().manual_seed(0))
    (x_t, t, previous), = seen
    assert (t == 1).all()
    assert abs(x_t.mean()) < 0.1 and 0.9 < x_t.std() < 1.1
    assert not previous.any()


def test_masks_are_noised_at_the_scale_that_the_weights_will_state(config, monkeypatch):
    given = replace(read_config(config), from_noise=0.0, self_conditioning=0.0, own_cumulative=0.0,
                    signal_scale=0.3)
    model, seen = EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size)), []
    monkeypatch.setattr(model, 'denoise', lambda pyramid, covered, x_t, t, previous: (
        seen.append(x_t), torch.zeros_like(x_t))[1])
    layer_losses(model, Feed(given, [], [], 'cpu').scenes(), torch.ones(1000), given,
                 torch.Generator().manual_seed(0))  # a schedule without noise
    assert seen[0].abs().sub(0.3).abs().max() < 1e-6


def test_late_times_are_drawn_more_often(config, monkeypatch):
    given = replace(read_config(config), from_noise=0.0, self_conditioning=0.0, own_cumulative=0.0)
    model, seen = EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size)), []
    monkeypatch.setattr(model, 'denoise', lambda pyramid, covered, x_t, t, previous: (
        seen.append(t), torch.zeros_like(x_t))[1])
    scenes = Feed(given, [], [], 'cpu').scenes()
    for seed in range(40):
        layer_losses(model, scenes, SCHEDULES[given.schedule](), given,
                     torch.Generator().manual_seed(seed))
    assert torch.cat(seen).mean().item() == pytest.approx(2 / 3, abs=0.05)  # of 1 - u^2


def test_what_is_covered_is_no_object_yet_to_be_found(config, monkeypatch):
    given, seen = replace(read_config(config), own_cumulative=0.0), []
    monkeypatch.setattr(objective, 'mask_loss', lambda logit, target, visible, config: (
        seen.append(visible), logit.mean())[1])
    scenes = Feed(given, [], [], 'cpu').scenes()
    layer_losses(EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size)), scenes,
                 SCHEDULES[given.schedule](), given, torch.Generator().manual_seed(0))
    _, target, covered = scenes.samples(given.mask_size)
    assert not (seen[0] * covered).any()
    assert torch.equal(seen[0] * target, target * (1 - covered))


def test_own_cumulative_masks_grow_layer_by_layer_up_to_a_bound(config, monkeypatch):
    given = replace(read_config(config), own_cumulative=1.0)
    grown = []
    monkeypatch.setattr(objective, 'advanced', lambda model, pyramid, covered, generator: (
        grown.append(len(covered)), torch.ones_like(covered))[1])
    scenes = Feed(given, [], [], 'cpu').scenes()
    losses = layer_losses(EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size)), scenes,
                          SCHEDULES[given.schedule](), given, torch.Generator().manual_seed(0))
    samples = len(scenes.samples(given.mask_size)[0])
    assert grown == [samples] * objective.OWN_LAYERS
    assert losses['masks'].isfinite()


def test_only_what_is_to_be_learnt_has_a_loss(config):
    given = replace(read_config(config), learns=('masks',))
    losses = layer_losses(EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size)),
                          Feed(given, [], [], 'cpu').scenes(), SCHEDULES[given.schedule](), given,
                          torch.Generator().manual_seed(0))
    assert set(losses) == {'masks'}
    assert losses['masks'].isfinite()


@pytest.mark.parametrize(('share', 'expected'), [(0.0, 'one'), (0.5, 'half'), (1.0, 'all')])
def test_seams_are_learnt_on_a_share_of_the_samples_and_on_one_at_least(
        config, monkeypatch, share, expected):
    given = replace(read_config(config), seams_share=share, own_cumulative=0.0)
    model, seen = EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size)), []
    monkeypatch.setattr(model.seams, 'forward', lambda pyramid, covered, estimate: (
        seen.append((pyramid, covered)), torch.zeros_like(covered))[1])
    scenes = Feed(given, [], [], 'cpu').scenes()
    losses = layer_losses(model, scenes, SCHEDULES[given.schedule](), given,
                          torch.Generator().manual_seed(0))
    scene, _, covered = scenes.samples(given.mask_size)
    (pyramid, shown), = seen
    samples = len(scene)
    assert len(shown) == {'one': 1, 'half': round(samples / 2), 'all': samples}[expected]
    assert all(len(level) == len(shown) for level in pyramid)
    given_masks = [mask.tobytes() for mask in covered.numpy()]
    assert all(mask.tobytes() in given_masks for mask in shown.numpy())
    assert losses['seams'].item() >= 0


def test_the_target_is_what_lies_on_top_under_the_models_own_cumulative_mask(config, monkeypatch):
    given = replace(read_config(config), own_cumulative=1.0)
    monkeypatch.setattr(objective, 'advanced',
                        lambda model, pyramid, covered, generator: torch.ones_like(covered))
    targets = []
    monkeypatch.setattr(objective, 'mask_loss', lambda logit, target, visible, config: (
        targets.append(target), logit.mean())[1])
    layer_losses(EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size)),
                 Feed(given, [], [], 'cpu').scenes(), SCHEDULES[given.schedule](), given,
                 torch.Generator().manual_seed(0))
    assert not targets[0].any()  # all is covered


def test_a_share_of_the_samples_knows_an_estimate_of_its_own(config, monkeypatch):
    given = replace(read_config(config), from_noise=0.0, self_conditioning=1.0, own_cumulative=0.0)
    model, seen = EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size)), []
    monkeypatch.setattr(model, 'denoise', lambda pyramid, covered, x_t, t, previous: (
        seen.append((x_t, previous)), torch.full_like(x_t, 20.0))[1])
    layer_losses(model, Feed(given, [], [], 'cpu').scenes(), SCHEDULES[given.schedule](), given,
                 torch.Generator().manual_seed(0))
    (first, before), (second, previous) = seen
    assert torch.equal(first, second)
    assert not before.any()
    assert (previous > 0.99).all()


def test_a_cumulative_mask_grows_by_what_the_model_takes_for_a_mask(monkeypatch):
    model = EncodeOnceDenoiser(EncodeOnceConfig(32, widths=(16, 16, 16), time_width=16))
    times = []
    monkeypatch.setattr(model, 'denoise', lambda pyramid, covered, x_t, t, previous: (
        times.append(t), torch.where(strip(7) > 0, 3.0, -3.0))[1])
    grown = advanced(model, (), torch.flip(strip(4), (3,)), torch.Generator().manual_seed(0))
    assert torch.equal(grown, torch.maximum(strip(7), torch.flip(strip(4), (3,))))
    assert times[0].tolist() == [1.0]  # from noise alone
