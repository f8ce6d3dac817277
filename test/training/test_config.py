"""The training's config is complete and its keys are checked by name."""

from dataclasses import replace

import pytest
from training.config import DEFAULT, read_config
from training.engine.protocols import FOLDER


def test_the_default_is_complete():
    config = read_config()
    assert config.held_classes and config.held_varieties


def test_a_file_that_sets_a_part_leaves_the_rest_as_in_the_default(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('steps: 7\n')
    assert read_config(path) == replace(read_config(), steps=7)


def test_the_large_one_trains_longer_on_finer_pictures():
    large, default = read_config(DEFAULT.with_name('large.yaml')), read_config()
    assert large.steps * large.scenes_per_step > 10 * default.steps * default.scenes_per_step
    assert large.mask_size > default.mask_size


@pytest.mark.parametrize('change, reason', [
    (lambda text: text.replace('steps:', 'stepz:'), r"unknown \['stepz'\]; there are .*'steps'"),
    (lambda text: text + '\n: [', 'cannot be read'),
    (lambda text: '', r'sets nothing; .*default\.yaml'),
    (lambda text: text.replace('from_noise: 0.75', 'from_noise: 75'),
     'from_noise must lie in 0 to 1, got 75'),
    (lambda text: text.replace('zoom: [0.6, 1.6]', 'zoom: 2'),
     'zoom must be a list of 2, each a finite number, got 2'),
    (lambda text: text.replace('4.5e-4', '45e-5'),
     "learning_rate must be a finite number, got '45"),
    (lambda text: text.replace('steps: 1500', 'steps: 0'),
     'steps and scenes_per_step count from 1'),
    (lambda text: text.replace('{mixed: 4', '{mixt: 4'),
     r'protocols: \S*mixt\.yaml: cannot be read .*take one of bin, .*mixed'),
    (lambda text: text.replace('{mixed: 4', f'{{mixed: 4, {FOLDER / "mixed.yaml"}: 1'),
     r'protocols: mixed and \S*mixed\.yaml are both of the name mixed; rename a file'),
])
def test_wrong_keys_and_values_are_named(tmp_path, change, reason):
    path = tmp_path / 'mine.yaml'
    path.write_text(change(DEFAULT.read_text()))
    with pytest.raises(ValueError, match=rf'mine\.yaml: .*{reason}'):
        read_config(path)


@pytest.mark.parametrize('name, value, reason', [
    ('schedule', 'foo', 'schedule must be one of .*cosine'),
    ('protocols', {}, 'protocols must weigh one at least'),
    ('protocols', {'mixed': 0.0}, 'protocols must weigh one at least'),
    ('protocols', {'mixed': 1.0, 'bin': -1.0}, 'none below 0'),
    ('scenes_per_step', 0, 'count from 1'), ('learns', ('masks', 'depth'), 'learns must list'),
    ('learns', (), 'learns must list'), ('learning_rate', 2.0, 'learning_rate must lie in'),
    ('learning_rate', 0.0, 'learning_rate must lie in'), ('ema', 2.0, 'ema must lie in 0 to 1'),
    ('warmup', -5, 'warmup must lie in'), ('signal_scale', 0.0, 'signal_scale must lie in'),
    ('encoder_rate', -1.0, 'encoder_rate must lie in'), ('seed', 10 ** 30, 'seed must lie in'),
    ('weight_decay', -1.0, 'weight_decay must lie in 0 to 1'),
    ('mask_size', 7, 'mask_size must be a multiple of 16')])
def test_what_no_training_can_do_is_named(name, value, reason):
    with pytest.raises(ValueError, match=reason):
        replace(read_config(), **{name: value})


@pytest.mark.parametrize('name', ['recorded_share', 'from_noise', 'self_conditioning',
                                  'own_cumulative', 'seams_share'])
def test_shares_lie_in_0_to_1(name):
    with pytest.raises(ValueError, match=f'{name} must lie in 0 to 1, got 1.5'):
        replace(read_config(), **{name: 1.5})


@pytest.mark.parametrize('name', ['visible_weight', 'overlap_weight'])
def test_weights_of_losses_are_not_negative(name):
    with pytest.raises(ValueError, match=f'{name} must lie in 0 to 1000, got -1'):
        replace(read_config(), **{name: -1})


@pytest.mark.parametrize('zoom', [(0.01, 1), (2, 1), (1, 11)])
def test_zoom_goes_from_least_to_most(zoom):
    with pytest.raises(ValueError, match=r'zoom must be \[least, most\] within 0.1 to 10'):
        replace(read_config(), zoom=zoom)
