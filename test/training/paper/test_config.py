"""Presets are complete, and wrong ones are named."""

import pytest
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
from training.paper.config import FOLDER, read_preset
import yaml


@pytest.mark.parametrize('name', sorted(path.stem for path in FOLDER.glob('*.yaml')))
def test_every_preset_is_complete(name):
    config = read_preset(name)
    assert config.schedule == 'linear'  # the paper's, whatever the width
    assert config.network().mask_size in (32, 64)


def test_the_preset_sas_is_the_authors_network():
    assert read_preset('sas').network() == ConcatUNetConfig()
    assert read_preset('sas').mask_values == (0.0, 1.0)


def test_the_narrow_presets_differ_in_width_alone():
    paper, narrow = read_preset('paper').__dict__, read_preset('paper_32').__dict__
    assert {key for key in paper if paper[key] != narrow[key]} == {'channels'}
    parameters = sum(p.numel() for p in ConcatUNet(read_preset('paper_32').network()).parameters())
    assert round(parameters / 1e6, 1) == 5.2


@pytest.mark.parametrize('change, reason', [
    ({'precision': 'float8'}, 'precision must be float32 or bfloat16'),
    ({'schedule': 'sigmoid'}, 'schedule must be one of linear, cosine'),
    ({'vlb_weight': 1.0}, 'vlb_weight trains the learned variance'),
    ({'learned_variance': True}, 'vlb_weight trains the learned variance'),
    ({'vlb_weight': -1.0, 'learned_variance': True}, 'vlb_weight must lie in 0 to 1000'),
    ({'mask_values': [1.0, -1.0]}, 'mask_values must be two rising numbers'),
    ({'mask_values': [0.0, 255.0]}, 'mask_values must be two rising numbers in -100 to 100'),
    ({'warmup': -1}, 'warmup must lie in 0 to'),
    ({'learning_rate': -0.001}, 'learning_rate must lie in'),
    ({'cumulative_noise': 2.0}, 'cumulative_noise must lie in 0 to 1'),
    ({'channels': 20}, 'channels must be a multiple of 16'),
    ({'steps': 0}, 'steps and batch must be at least 1'),
])
def test_settings_that_cannot_be_trained_are_named_with_their_file(tmp_path, change, reason):
    content = {**yaml.safe_load((FOLDER / 'paper.yaml').read_text()), **change}
    path = tmp_path / 'mine.yaml'
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=rf'mine\.yaml: .*{reason}'):
        read_preset(str(path))


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ValueError, match=r'no_such.*paper, .*sas'):
        read_preset('no_such')
