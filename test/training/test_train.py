"""Training runs, learns, resumes where it stopped and exports weights that load."""

from dataclasses import replace
from pathlib import Path

import pytest
from seq_amodal_ros.checkpoint import load_checkpoint
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
from seq_amodal_ros.diffusion.schedules import SCHEDULES
import torch
from training import train
from training.config import DEFAULT, read_config
from training.engine.protocols import FOLDER
from training.runs import locked
import yaml


def edited(source, target, **changes):
    """Write a YAML file with some of its values changed; return its path."""
    content = {**yaml.safe_load(source.read_text()), **changes}
    target.write_text(yaml.safe_dump({key: str(value) if isinstance(value, Path) else value
                                      for key, value in content.items()}))
    return target


@pytest.fixture
def config(tmp_path):
    """Return a config of three tiny steps on twenty drawn objects."""
    protocol = edited(FOLDER / 'mixed.yaml', tmp_path / 'few.yaml', procedural=20)
    return edited(DEFAULT, tmp_path / 'tiny.yaml', steps=3, scenes_per_step=2, mask_size=32,
                  warmup=1, recorded_share=0.5, protocols={str(protocol): 1})


def state(folder):
    """Return a run's saved state."""
    return torch.load(folder / 'state.pt', weights_only=True)


def test_a_run_exports_weights_that_load(config, tmp_path):
    folder = tmp_path / 'run'
    assert train.main(['--run', str(folder), '--config', str(config), '--device', 'cpu']) == 0
    loaded = load_checkpoint(folder / 'weights.safetensors')
    assert loaded.training['steps'] == 3
    assert loaded.training['sources'] == {'procedural': 20}
    assert list(folder.glob('events.*'))


def test_a_stopped_run_resumes(config, tmp_path):
    folder = tmp_path / 'run'
    command = ['--run', str(folder), '--config', str(config), '--device', 'cpu']
    assert train.main([*command, '--minutes', '0']) == 0
    assert state(folder)['step'] == 0
    assert train.main(command) == 0
    assert state(folder)['step'] == 3
    before = state(folder)['average']
    assert train.main(command) == 0  # nothing left to do
    assert all(torch.equal(value, before[name])
               for name, value in state(folder)['average'].items())


def test_two_runs_never_share_a_folder(config, tmp_path, caplog):
    folder = tmp_path / 'run'
    folder.mkdir()
    with locked(folder):
        assert train.main(['--run', str(folder), '--config', str(config)]) == 2
    assert f'{folder}: another process works there' in caplog.text
    assert not (folder / 'state.pt').exists()


def test_a_run_goes_on_from_given_weights(config, tmp_path):
    command = ['--config', str(config), '--device', 'cpu']
    assert train.main([*command, '--run', str(tmp_path / 'first')]) == 0
    weights = tmp_path / 'first' / 'weights.safetensors'
    assert train.main([*command, '--run', str(tmp_path / 'second'), '--start', str(weights),
                       '--minutes', '0']) == 0
    first, second = (load_checkpoint(tmp_path / name / 'weights.safetensors')
                     for name in ('first', 'second'))
    assert all(torch.equal(value, second.model.state_dict()[name])
               for name, value in first.model.state_dict().items())
    assert second.training['start']['weights'] == first.label


def test_seams_alone_are_learnt_where_the_config_says_so(config, tmp_path):
    command = ['--device', 'cpu', '--run']
    assert train.main([*command, str(tmp_path / 'all'), '--config', str(config)]) == 0
    start = tmp_path / 'all' / 'weights.safetensors'
    seams = edited(config, tmp_path / 'seams.yaml', learns=['seams'])
    assert train.main([*command, str(tmp_path / 'seams'), '--config', str(seams),
                       '--start', str(start)]) == 0
    before, after = (load_checkpoint(tmp_path / name / 'weights.safetensors').model.state_dict()
                     for name in ('all', 'seams'))
    assert changed_parts(before, after) == {'seams'}


def changed_parts(before, after):
    """Return the parts of the network of which any value differs between two states."""
    return {name.split('.')[0] for name in before if not torch.equal(before[name], after[name])}


def test_at_a_rate_of_0_the_encoder_and_its_norms_stay(config, tmp_path):
    frozen = edited(config, tmp_path / 'frozen.yaml', encoder_rate=0, learns=['masks'])
    command = ['--config', str(frozen), '--device', 'cpu', '--run', str(tmp_path / 'run')]
    assert train.main([*command, '--minutes', '0']) == 0
    before = state(tmp_path / 'run')['model']
    assert train.main(command) == 0
    changed = changed_parts(before, state(tmp_path / 'run')['model'])
    assert 'head' in changed
    assert not any(name.startswith(('encoder', 'neck', 'seams')) for name in changed)


def test_a_run_may_do_without_estimates_of_its_own(config, tmp_path):
    alone = edited(config, tmp_path / 'alone.yaml', own_cumulative=0.0, self_conditioning=0.0)
    folder = tmp_path / 'run'
    assert train.main(['--run', str(folder), '--config', str(alone), '--device', 'cpu']) == 0
    assert state(folder)['step'] == 3


def test_a_share_of_the_samples_is_noise_alone_and_knows_no_estimate(config, monkeypatch):
    given = replace(read_config(config), from_noise=1.0, self_conditioning=1.0, own_cumulative=0.0)
    model = EncodeOnceDenoiser(EncodeOnceConfig(given.mask_size))
    seen = []
    monkeypatch.setattr(model, 'denoise', lambda pyramid, covered, x_t, t, previous: (
        seen.append((x_t, t, previous)), torch.zeros_like(x_t))[1])
    scenes = train.Feed(given, [], [], 'cpu').scenes()
    train.layer_losses(model, scenes, SCHEDULES[given.schedule](), given,
                       torch.Generator().manual_seed(0))
    (x_t, t, previous), = seen
    assert (t == 1).all()
    assert abs(x_t.mean()) < 0.1 and 0.9 < x_t.std() < 1.1
    assert not previous.any()


def test_scenes_are_shared_out_by_weight_to_the_last_one():
    shares = train.shared_out({'mixed': 10, 'fruit': 7, 'bin': 4, 'close': 3}, 25)
    assert sum(shares.values()) == 25
    assert shares == {'mixed': 11, 'fruit': 7, 'bin': 4, 'close': 3}  # 10.4, 7.3, 4.2, 3.1


def test_missing_cutouts_are_named(tmp_path, caplog):
    assert train.main(['--cutouts', str(tmp_path / 'no.npz'), '--run', str(tmp_path / 'r')]) == 2
    assert 'no.npz' in caplog.text
    assert not (tmp_path / 'r').exists()


def test_a_device_that_is_not_there_is_named(config, tmp_path, caplog):
    assert train.main(['--config', str(config), '--device', 'cuda:99', '--run',
                       str(tmp_path / 'run')]) == 2
    assert "device 'cuda:99'" in caplog.text
    assert not (tmp_path / 'run').exists()


def test_a_feed_resumes_with_the_same_scenes(config, composed):
    def feed():
        return train.Feed(read_config(config), [], [composed / 'annotations.json'], 'cpu')
    first, second = feed(), feed()
    first.scenes()
    second.seek(1)
    again, expected = second.scenes(), first.scenes()
    assert torch.equal(again.image, expected.image)
    assert torch.equal(again.masks, expected.masks)


def test_recorded_scenes_are_trained_on_beside_composed_ones(config, composed, tmp_path):
    folder = tmp_path / 'run'
    assert train.main(['--run', str(folder), '--config', str(config), '--device', 'cpu',
                       '--recorded', str(composed / 'annotations.json')]) == 0
    held = load_checkpoint(folder / 'weights.safetensors').training['sources']
    assert set(held) == {'procedural', 'recorded'}
    assert held['recorded'] == len(list((composed / 'images').iterdir()))
