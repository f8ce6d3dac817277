"""Averages of two checkpoints are compared on scenes for validation; both stay as they are."""

import pytest
from seq_amodal_ros.checkpoint import load_checkpoint, save_checkpoint
import torch
from training.choose import candidates, main
from training.engine.protocols import FOLDER


@pytest.fixture(scope='module')
def duller(tmp_path_factory):
    """Return the path of weights that differ from the shipped: all logits of masks are lower."""
    path = tmp_path_factory.mktemp('weights') / 'duller.safetensors'
    shipped = load_checkpoint('default')
    shipped.model.raise_logits(-2)
    save_checkpoint(path, shipped.model, shipped.schedule, shipped.mask_values, {})
    return path


def test_candidates_are_the_first_and_every_share_with_every_bias(duller):
    first, second = load_checkpoint('default'), load_checkpoint(duller)
    found = dict(candidates(first, second, [0.5, 1], [0, 0.5], 64))
    assert list(found) == [first.label, 'share 0.5, bias 0', 'share 0.5, bias 0.5',
                           'share 1, bias 0', 'share 1, bias 0.5']
    old, new = (part.model.head[-1].bias for part in (first, second))
    assert torch.allclose(found['share 0.5, bias 0.5'].model.head[-1].bias, (old + new) / 2 + 0.5)
    assert torch.equal(found['share 1, bias 0'].model.head[-1].bias, new)
    assert found['share 1, bias 0'].model.mask_size == 64
    for path, checkpoint in (('default', first), (duller, second)):
        for name, value in load_checkpoint(path).model.state_dict().items():
            assert torch.equal(value, checkpoint.model.state_dict()[name]), name


def test_every_kind_has_a_column_and_worse_weights_less_recall(duller, edited, composed, tmp_path,
                                                               capsys):
    protocol = edited(FOLDER / 'mixed.yaml', tmp_path / 'few.yaml', procedural=20)
    assert main(['default', str(duller), '--shares', '1', '--biases', '-2', '--protocols',
                 str(protocol), '--zooms', '1', '1.6', '--recorded',
                 str(composed / 'annotations.json'), '--scenes', '4', '--device', 'cpu']) == 0
    rows = [[cell.strip() for cell in row.strip('|').split('|')]
            for row in capsys.readouterr().out.splitlines()[:4]]
    assert rows[0][1:] == [f'{composed / "annotations.json"} (8)', f'{protocol} (4)',
                           f'{protocol} x1.6 (4)']
    better, worse = (sum(float(cell.split()[1]) for cell in row[1:]) for row in rows[2:])
    assert better > worse


@pytest.mark.parametrize('more, reason', [
    (['--scenes', '0'], '--scenes 0: it counts from 1'),
    (['--zooms', '0'], '--zooms must lie in 0.1 to 10, got 0.0'),
    (['--shares', '2'], 'a share must lie in 0 to 1, got 2.0'),
    (['--biases', '9'], 'a bias must lie in -4.0 to 4.0, got 9.0'),
    (['--mask-size', '100'], 'a multiple of 16'),
    (['--device', 'abacus'], "device 'abacus'"),
    (['--recorded', 'none.json'], 'none.json: cannot be read'),
    (['--protocols', 'none'], 'none.yaml: cannot be read')])
def test_what_cannot_be_compared_is_named(capsys, more, reason):
    assert main(['default', 'default', '--shares', '1', '--device', 'cpu', *more]) == 2
    assert reason in capsys.readouterr().err
