"""The temperature with the least calibration error is stored; nothing else changes."""

import json

from seq_amodal_ros.checkpoint import load_checkpoint
import torch
from training import calibrate
from training.calibrate import main


def test_the_best_temperature_is_stored_with_the_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(calibrate, 'TEMPERATURES', (0.6, 5.0))
    out = tmp_path / 'calibrated.safetensors'
    assert main(['default', '--protocols', 'mixed', '--scenes', '8', '--device', 'cpu',
                 '--out', str(out)]) == 0
    before, after = load_checkpoint('default'), load_checkpoint(out)
    rows = json.loads(out.with_suffix('.json').read_text())['training']['calibrated']['rows']
    assert after.temperature == min(rows, key=lambda row: row['ece'])['temperature'] == 0.6
    assert 'ece' in capsys.readouterr().out
    for name, value in before.model.state_dict().items():
        assert torch.equal(value, after.model.state_dict()[name]), name


def test_weights_that_are_not_there_are_named(tmp_path, capsys):
    out = tmp_path / 'calibrated.safetensors'
    assert main([str(tmp_path / 'none.safetensors'), '--out', str(out)]) == 2
    assert 'none.safetensors' in capsys.readouterr().err
    assert not out.exists()
