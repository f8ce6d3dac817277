"""What has the least calibration error is stored; nothing else changes."""

import json

import numpy as np
import pytest
from seq_amodal_ros.checkpoint import load_checkpoint, save_checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
import torch
from training.calibrate import at_an_end, fitted, main
from training.engine.protocols import FOLDER


def test_temperature_and_offset_undo_what_was_done_to_true_probabilities():
    true = np.linspace(0.05, 0.95, 10)
    said = 1 / (1 + np.exp(-1.5 * (np.log(true / (1 - true)) + 0.4)))  # too sure and too high
    temperature, offset = fitted([{'said': s, 'true': t, 'pixels': 100}
                                  for s, t in zip(said, true)])
    assert temperature == pytest.approx(1.5, abs=0.05)
    assert offset == pytest.approx(-0.4, abs=0.05)


def test_bins_with_more_pixels_weigh_more():
    bins = [{'said': 0.2, 'true': 0.2, 'pixels': 1}, {'said': 0.5, 'true': 0.7, 'pixels': 99},
            {'said': 0.8, 'true': 0.8, 'pixels': 1}]
    assert fitted(bins)[1] == pytest.approx(np.log(0.7 / 0.3), abs=0.05)


def test_an_end_of_what_was_tried_is_said():
    never = [{'said': 0.9, 'true': 0.0, 'pixels': 1}, {'said': 0.6, 'true': 0.0, 'pixels': 1}]
    assert 'offset -1.5 is the least that was tried' in at_an_end(*fitted(never))
    assert at_an_end(1.0, 0.3) == ''


def test_what_was_fitted_is_stored_with_the_weights_and_errs_less(tmp_path, capsys):
    out = tmp_path / 'calibrated.safetensors'
    assert main(['default', '--protocols', 'mixed', '--scenes', '8', '--device', 'cpu',
                 '--out', str(out)]) == 0
    before, after = load_checkpoint('default'), load_checkpoint(out)
    said = json.loads(out.with_suffix('.json').read_text())['training']['calibrated']
    assert (after.temperature, after.offset) == \
        (said['after']['temperature'], said['after']['offset'])
    assert said['after']['ece'] <= said['before']['ece'] + 0.02
    assert 'ece' in capsys.readouterr().out
    for name, value in before.model.state_dict().items():
        assert torch.equal(value, after.model.state_dict()[name]), name


def test_protocols_and_recorded_piles_weigh_alike(composed, edited, tmp_path):
    scenes, brier = [], []
    few = json.loads((composed / 'annotations.json').read_text())
    few['images'] = few['images'][:2]
    known = {image['id'] for image in few['images']}
    few['annotations'] = [each for each in few['annotations'] if each['image_id'] in known]
    (tmp_path / 'piles.json').write_text(json.dumps(few))
    (tmp_path / 'images').symlink_to(composed / 'images')
    piles = str(tmp_path / 'piles.json')
    protocol = str(edited(FOLDER / 'mixed.yaml', tmp_path / 'few.yaml', procedural=20))
    for recorded in ([], [piles], [piles, piles]):
        assert main(['default', '--protocols', protocol, '--recorded', *recorded, '--scenes', '6',
                     '--device', 'cpu', '--out', str(tmp_path / 'calibrated.safetensors')]) == 0
        said = json.loads((tmp_path / 'calibrated.json').read_text())['training']['calibrated']
        scenes.append(said['scenes'])
        brier.append(said['before']['brier'])
    assert scenes == [6, 8, 10]
    alone = 2 * brier[1] - brier[0]  # of the piles, by the mean of the two
    assert brier[2] == pytest.approx((brier[0] + 2 * alone) / 3, abs=2e-4)
    assert brier[1] != brier[0]


def test_logits_are_raised_and_the_size_set_first_where_asked(tmp_path):
    out = tmp_path / 'raised.safetensors'
    assert main(['default', '--protocols', 'mixed', '--scenes', '6', '--device', 'cpu',
                 '--bias', '0.25', '--mask-size', '64', '--out', str(out)]) == 0
    before, after = load_checkpoint('default'), load_checkpoint(out)
    assert torch.allclose(after.model.head[-1].bias, before.model.head[-1].bias + 0.25)
    assert after.training['calibrated']['bias'] == 0.25
    assert after.model.mask_size == 64


def test_scenes_without_anything_hidden_are_refused(edited, tmp_path, capsys):
    alone = edited(FOLDER / 'mixed.yaml', tmp_path / 'alone.yaml', procedural=20, objects=[1, 1])
    out = tmp_path / 'calibrated.safetensors'
    assert main(['default', '--protocols', str(alone), '--scenes', '1', '--device', 'cpu',
                 '--mask-size', '64', '--out', str(out)]) == 2
    assert 'nothing is hidden' in capsys.readouterr().err
    assert not out.exists()


def test_a_network_that_predicts_noise_is_refused(tmp_path, capsys):
    path, out = tmp_path / 'paper.safetensors', tmp_path / 'calibrated.safetensors'
    save_checkpoint(path, ConcatUNet(ConcatUNetConfig(mask_size=16, channels=16, multipliers=(1,),
                                                      blocks=1)), 'linear', (0.0, 1.0), {})
    assert main([str(path), '--out', str(out)]) == 2
    assert 'predicts noise' in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize('more, reason', [(['--scenes', '0'], '--scenes 0: it counts from 1'),
                                          (['--bias', 'nan'], 'a bias must lie in -4.0 to 4.0'),
                                          (['--mask-size', '100'], 'a multiple of 16'),
                                          (['--protocols', 'fruit'], 'no cutout of class Apple')])
def test_what_gives_no_scenes_is_named(tmp_path, capsys, more, reason):
    assert main(['default', *more, '--out', str(tmp_path / 'calibrated.safetensors')]) == 2
    assert reason in capsys.readouterr().err


def test_weights_that_are_not_there_are_named(tmp_path, capsys):
    out = tmp_path / 'calibrated.safetensors'
    assert main([str(tmp_path / 'none.safetensors'), '--out', str(out)]) == 2
    assert 'none.safetensors' in capsys.readouterr().err
    assert not out.exists()


def test_the_most_that_was_tried_is_said_too():
    assert 'temperature 3.0 is the most that was tried' in at_an_end(3.0, 0.0)
    assert 'offset 1.5 is the most that was tried' in at_an_end(1.0, 1.5)


def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('training.calibrate.validation', lambda *given: pytest.fail('it began'))
    (tmp_path / 'file').touch()
    out = tmp_path / 'file' / 'calibrated.safetensors'
    assert main(['default', '--bias', '0', '--device', 'cpu', '--out', str(out)]) == 2
    assert 'cannot be written' in capsys.readouterr().err
    assert main(['default', '--bias', '-5', '--out', str(tmp_path / 'a.safetensors')]) == 2
    assert 'a bias must lie in' in capsys.readouterr().err
