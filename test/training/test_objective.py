"""What the losses are of."""

from dataclasses import replace

from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
from seq_amodal_ros.diffusion.schedules import SCHEDULES
import torch
from training import objective
from training.config import read_config
from training.feed import Feed
from training.objective import layer_losses


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
