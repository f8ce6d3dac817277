"""Weights come back as they were saved; what is wrong with a file is said with its name."""

import hashlib
import json
from pathlib import Path

import pytest
from safetensors.torch import load, save
from seq_amodal_ros import checkpoint
from seq_amodal_ros.checkpoint import CheckpointError, load_checkpoint
import torch


def alter(path, **changes):
    """Change entries of the JSON beside the weights; None removes one."""
    side = path.with_suffix('.json')
    meta = {**json.loads(side.read_text()), **changes}
    side.write_text(json.dumps({key: value for key, value in meta.items() if value is not None}))


def make_foreign(path, **changes):
    """Change entries as another program would write them, with the checksum that goes with them."""
    alter(path, **changes)
    meta = json.loads(path.with_suffix('.json').read_text())
    if set(checkpoint.SETTINGS) <= set(meta):
        alter(path, settings_sha256=checkpoint.settings_digest(meta))


def test_saved_weights_load_in_evaluation_mode(small_checkpoint):
    loaded = load_checkpoint(small_checkpoint)
    assert not loaded.model.training
    assert (loaded.schedule, loaded.mask_values) == ('cosine', (-0.5, 0.5))
    assert loaded.label == 'small@' + loaded.sha256[:12]


def test_saving_rounds_to_half_precision_only(small_checkpoint):
    model = load_checkpoint(small_checkpoint).model
    again = small_checkpoint.with_name('again.safetensors')
    checkpoint.save_checkpoint(again, model, 'cosine', (-0.5, 0.5), {})
    for name, value in load_checkpoint(again).model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_shipped_weights_are_found_by_name():
    assert load_checkpoint('default').name == 'default'
    assert checkpoint.find('default').stat().st_size <= 16 << 20


def test_missing_weights_name_the_file_and_what_there_is(tmp_path):
    with pytest.raises(CheckpointError, match=r'nowhere\.safetensors.*shipped weights \(default'):
        load_checkpoint(tmp_path / 'nowhere.safetensors')


@pytest.mark.parametrize('spoil', [lambda data: data[:-100], lambda data: data[:-1] + b'\x01',
                                   lambda data: b''])
def test_truncated_and_altered_files_are_told_by_their_checksum(small_checkpoint, spoil):
    small_checkpoint.write_bytes(spoil(small_checkpoint.read_bytes()))
    with pytest.raises(CheckpointError, match=r'small\.safetensors: checksum differs'):
        load_checkpoint(small_checkpoint)


@pytest.mark.parametrize('changes, reason', [
    ({'architecture': 'transformer'}, "unknown architecture 'transformer'; .* encode_once"),
    ({'config': {'mask_size': 33, 'widths': [16, 16, 16]}}, 'mask_size must be a multiple of 16'),
    ({'config': {'depth': 3}}, 'settings of encode_once do not fit'),
    ({'config': {'widths': [32, 32, 32]}}, 'does not fit this version .*size mismatch for'),
    ({'schedule': 'linnear'}, "unknown schedule 'linnear'.* cosine, flow, linear"),
    ({'sha256': None}, "'sha256' is missing"),
    ({'mask_values': 'half'}, "'mask_values' is missing or not a list"),
    ({'temperature': None}, "'temperature' is missing or not a float"),
    ({'temperature': 0.0}, "'temperature' must lie in 0.1 to 10"),
    ({'offset': 11.0}, "'offset' must lie in -10 to 10"),
    ({'offset': '0'}, "'offset' is missing or not a float"),
    ({'mask_values': [1, 0]}, "'mask_values' must be two rising numbers"),
    ({'mask_values': [False, True]}, "'mask_values' must be two rising numbers"),
    ({'mask_values': [-float('inf'), float('inf')]}, "'mask_values' must be two rising numbers"),
])
def test_foreign_checkpoints_are_refused_by_name(small_checkpoint, changes, reason):
    make_foreign(small_checkpoint, **changes)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(small_checkpoint)


@pytest.mark.parametrize('changes', [{'temperature': 1.5}, {'offset': -5.0}, {'config': {}},
                                     {'mask_values': [-0.4, 0.5]}, {'schedule': 'flow'}])
def test_settings_that_were_altered_are_told_by_their_checksum(small_checkpoint, changes):
    alter(small_checkpoint, **changes)
    with pytest.raises(CheckpointError, match=r'small\.json: .* the file was altered'):
        load_checkpoint(small_checkpoint)


def test_weights_without_their_json_are_refused(small_checkpoint):
    small_checkpoint.with_suffix('.json').unlink()
    with pytest.raises(CheckpointError, match=r'small\.json: cannot be read'):
        load_checkpoint(small_checkpoint)


def test_weights_that_are_not_finite_are_refused(small_checkpoint):
    state = load(small_checkpoint.read_bytes())
    state['stem.weight'][0, 0, 0, 0] = float('nan')
    data = save(state)
    small_checkpoint.write_bytes(data)
    make_foreign(small_checkpoint, sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(CheckpointError, match='not finite'):
        load_checkpoint(small_checkpoint)


@pytest.mark.parametrize('value', [float('nan'), 70_000.0])  # float16 ends at 65504
def test_weights_that_would_not_load_again_are_not_written(small_checkpoint, value):
    model, before = load_checkpoint(small_checkpoint).model, small_checkpoint.read_bytes()
    with torch.no_grad():
        model.stem.weight[0, 0, 0, 0] = value
    with pytest.raises(CheckpointError, match=r'stem\.weight is not finite in torch\.float16'):
        checkpoint.save_checkpoint(small_checkpoint, model, 'cosine', (-0.5, 0.5), {})
    assert small_checkpoint.read_bytes() == before


@pytest.mark.parametrize('weights', ['~nobody_here/a.safetensors', 'a' * 300])
def test_a_path_that_no_file_has_is_named(weights):
    with pytest.raises(CheckpointError, match=weights):
        load_checkpoint(weights)


def test_a_file_that_is_too_large_is_not_read(small_checkpoint, monkeypatch):
    monkeypatch.setattr(checkpoint, 'MAX_BYTES', small_checkpoint.stat().st_size - 1)
    with pytest.raises(CheckpointError, match=r'small\.safetensors: larger than'):
        load_checkpoint(small_checkpoint)


def test_biases_and_norms_keep_their_precision(small_checkpoint):
    model = load_checkpoint(small_checkpoint).model
    for vector in (value for value in model.parameters() if value.ndim == 1):
        torch.nn.init.constant_(vector, 1 / 3)
    checkpoint.save_checkpoint(small_checkpoint, model, 'cosine', (-0.5, 0.5), {})
    for name, value in load_checkpoint(small_checkpoint).model.named_parameters():
        assert value.ndim > 1 or (value == 1 / 3).all(), name


def test_weights_and_their_json_are_replaced_together(small_checkpoint, monkeypatch):
    model, write = load_checkpoint(small_checkpoint).model, Path.write_bytes
    model.raise_logits(1)

    def full(path, data):
        if '.json' in path.name:
            raise OSError('full')
        return write(path, data)
    monkeypatch.setattr('pathlib.Path.write_bytes', full)
    with pytest.raises(OSError, match='full'):
        checkpoint.save_checkpoint(small_checkpoint, model, 'cosine', (-0.5, 0.5), {})
    assert load_checkpoint(small_checkpoint).training == {'steps': 0}  # the old pair, whole


def test_weights_are_found_at_home(small_checkpoint, monkeypatch):
    monkeypatch.setenv('HOME', str(small_checkpoint.parent))
    assert load_checkpoint('~/small.safetensors').name == 'small'


def test_what_stands_for_off_and_on_comes_back(small_checkpoint):
    model = load_checkpoint(small_checkpoint).model
    checkpoint.save_checkpoint(small_checkpoint, model, 'flow', (0.0, 2.0), {}, 1.5, -0.25)
    loaded = load_checkpoint(small_checkpoint)
    assert (loaded.schedule, loaded.mask_values) == ('flow', (0.0, 2.0))
    assert (loaded.temperature, loaded.offset) == (1.5, -0.25)
