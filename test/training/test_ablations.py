"""Variants differ in one setting, are trained once and measured alike."""

import numpy as np
import pytest
from seq_amodal_ros.checkpoint import load_checkpoint
from training import ablations
from training.engine.protocols import FOLDER
from training.engine.shapes import procedural_cutouts
import yaml


def test_the_variants_that_ship_change_one_thing_of_the_first():
    first, *others = ablations.read_variants().values()
    for other in others:
        changed = [name for name, value in vars(first).items() if getattr(other, name) != value]
        assert len(changed) == 1


@pytest.fixture
def variants(tmp_path):
    """Return a file of two variants of one tiny step."""
    protocol = yaml.safe_load((FOLDER / 'mixed.yaml').read_text())
    few = tmp_path / 'few.yaml'
    few.write_text(yaml.safe_dump({**protocol, 'procedural': 20}))
    path = tmp_path / 'two.yaml'
    path.write_text(yaml.safe_dump({
        'base': {'mask_size': 32, 'steps': 1, 'scenes_per_step': 2, 'recorded_share': 0.0,
                 'protocols': {str(few): 1}},
        'variants': {'one': {}, 'linear noise': {'schedule': 'linear'}}}, sort_keys=False))
    return path


def test_each_variant_is_trained_once_and_has_a_row(variants, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ablations, 'STEPS', (1, 2))
    out = tmp_path / 'out'
    command = ['--variants', str(variants), '--scenes', '2', '--device', 'cpu', '--out', str(out)]
    assert ablations.main(command) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == '| IOU at layers 1 / 2 / 3, GED | 1 steps | 2 steps |'
    assert [row.split(' | ')[0] for row in rows[2:4]] == ['| one', '| linear noise']
    assert (out / 'ablations.md').read_text().splitlines() == rows
    weights = out / 'linear_noise' / 'weights.safetensors'
    assert load_checkpoint(weights).schedule == 'linear'
    before = weights.stat().st_mtime_ns
    assert ablations.main(command) == 0
    assert weights.stat().st_mtime_ns == before


def test_other_settings_in_a_folder_are_refused(variants, tmp_path, capsys):
    command = ['--variants', str(variants), '--scenes', '1', '--device', 'cpu',
               '--out', str(tmp_path / 'out')]
    assert ablations.main(command) == 0
    np.savez(tmp_path / 'mine.npz', rgba=procedural_cutouts(2, 0).rgba.permute(0, 2, 3, 1).numpy(),
             label=np.arange(2), class_names=np.array(['a', 'b']))
    assert ablations.main([*command, '--cutouts', str(tmp_path / 'mine.npz')]) == 2
    assert 'begun with other values of data' in capsys.readouterr().err
    content = yaml.safe_load(variants.read_text())
    content['base']['seed'] = 9
    variants.write_text(yaml.safe_dump(content))
    assert ablations.main(command) == 2
    assert 'trained with other settings' in capsys.readouterr().err


@pytest.mark.parametrize('content, reason', [
    ('base: {}\nvariants: {odd: {colour: red}}\n', "odd: unknown ['colour']"),
    ('base: {}\nvariants: {}\n', 'the variants, one at least'),
    ('base: {}\nvariants: {odd: 3}\n', 'the variants, one at least'),
    ('base:\nvariants: {odd: {}}\n', 'the variants, one at least'),
    ('base: {}\nvariants: {1: {}}\n', 'settings under names'),
    ('base: {}\nvariants: {a b: {}, a_b: {}}\n', 'two variants would have one folder'),
    ('base: {}\nvariants: {odd: {protocols: {heap: 1}}}\n', 'odd: protocols: ')])
def test_settings_that_no_training_has_are_named(tmp_path, capsys, content, reason):
    path = tmp_path / 'bad.yaml'
    path.write_text(content)
    assert ablations.main(['--variants', str(path), '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err
    assert f'{path}: ' in error and reason in error


def test_no_scenes_to_measure_on_are_named(tmp_path, capsys):
    assert ablations.main(['--scenes', '0', '--out', str(tmp_path / 'out')]) == 2
    assert '--scenes 0: it counts from 1' in capsys.readouterr().err
