"""Training: exports what loads, resumes exactly, runs in parallel, stops at what is not finite."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from seq_amodal_ros.checkpoint import load_checkpoint
import torch
from training.paper import train
from training.paper.config import read_preset
from training.paper.sources import open_source
from training.runs import read_state
import yaml


@pytest.fixture
def command(preset, composed):
    """Return the arguments of a tiny training, but for its folder."""
    return ['--preset', str(preset), '--coco', str(composed / 'annotations.json'),
            '--device', 'cpu']


def weights(folder):
    """Return a run's averaged weights."""
    return read_state(folder / 'state.pt')['average']


def same(one, other):
    """Return whether two sets of weights are equal, bit by bit."""
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_run_exports_weights_that_load_and_say_how_they_were_made(command, tmp_path):
    assert train.main([*command, '--out', str(tmp_path / 'run')]) == 0
    loaded = load_checkpoint(tmp_path / 'run' / 'weights.safetensors')
    assert (loaded.schedule, loaded.mask_values) == ('linear', (-1, 1))
    assert loaded.training['steps'] == 6
    assert loaded.training['rules']['max_layers'] >= 1
    assert list((tmp_path / 'run').glob('events.*'))


@pytest.mark.parametrize('sooner, wanted, used', [(True, 'bfloat16', True),
                                                  (False, 'bfloat16', False),
                                                  (True, 'float32', False)])
def test_bfloat16_is_for_a_device_that_computes_sooner_in_it(command, preset, tmp_path, monkeypatch,
                                                             sooner, wanted, used):
    preset.write_text(preset.read_text().replace('float32', wanted))
    loss_of, seen = train.loss_of, []

    def watched(*given):
        seen.append(torch.is_autocast_enabled('cpu'))
        return loss_of(*given)

    monkeypatch.setattr(train, 'computes_in_bfloat16', lambda device: sooner)
    monkeypatch.setattr(train, 'loss_of', watched)
    assert train.main([*command, '--steps', '1', '--out', str(tmp_path / 'run')]) == 0
    assert seen == [used]


def test_a_run_killed_at_any_moment_ends_as_if_it_had_not_been(command, tmp_path, monkeypatch):
    monkeypatch.setattr(train, 'SAVE_EVERY', 1)
    assert train.main([*command, '--out', str(tmp_path / 'whole')]) == 0
    script = ('import sys; from training.paper import train; train.SAVE_EVERY = 1; '
              'sys.exit(train.main(sys.argv[1:]))')
    for _ in range(2):
        process = subprocess.Popen([sys.executable, '-c', script, *command, '--steps', '100000',
                                    '--out', str(tmp_path / 'killed')])
        state = tmp_path / 'killed' / 'state.pt'
        before = state.stat().st_mtime_ns if state.exists() else 0
        deadline = time.monotonic() + 120
        while not state.exists() or state.stat().st_mtime_ns == before:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    reached = read_state(state)['step']
    assert reached >= 2
    for name in ('whole', 'killed'):
        assert train.main([*command, '--out', str(tmp_path / name),
                           '--steps', str(reached + 6)]) == 0
    assert same(weights(tmp_path / 'whole'), weights(tmp_path / 'killed'))


def test_processes_learn_from_scenes_of_their_own(preset, composed):
    config = read_preset(str(preset))
    shares, ends = [], []
    for rank in (0, 1):
        source = open_source([composed / 'annotations.json'], '', [], config.mask_size, 0, 'cpu')
        run = SimpleNamespace(config=config, layer=None, processes=SimpleNamespace(
            count=2, rank=rank, device=torch.device('cpu')))
        shares.append(train.batch_of(run, source, 3)[0].target)
        ends.append(source.next)
    assert len(shares[0]) == len(shares[1]) == config.batch // 2
    assert not torch.equal(*shares)
    each = ends[1] - ends[0]  # scenes of a process and step: the second goes on after the first
    assert each > 0
    assert ends[0] == 3 * 2 * each + each


def test_two_processes_stay_identical_and_share_the_batch(command, tmp_path):
    script = tmp_path / 'both.py'
    script.write_text(
        'import os, sys, torch\n'
        'from training.paper import train\n'
        'def kept(run, *given):\n'
        '    original(run, *given)\n'
        '    torch.save([p.detach() for p in run.learner.model.parameters()],\n'
        '               os.path.join(sys.argv[-1], f"rank{run.processes.rank}.pt"))\n'
        'original, train.train = train.train, kept\n'
        'sys.exit(train.main(sys.argv[1:]))\n')
    subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--local-addr',
         '127.0.0.1', '--nproc-per-node', '2', str(script), *command, '--out', str(tmp_path)],
        check=True, timeout=300, env={
            **os.environ, 'OMP_NUM_THREADS': '1',
            'PYTHONPATH': os.pathsep.join([str(Path.cwd()), os.environ.get('PYTHONPATH', '')])})
    one, other = (torch.load(tmp_path / f'rank{rank}.pt', weights_only=True) for rank in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, other))
    assert load_checkpoint(tmp_path / 'weights.safetensors').training['processes'] == 2


def test_dis_trains_one_layer_without_cumulative_mask(command, tmp_path):
    assert train.main([*command, '--out', str(tmp_path / 'run'), '--layer', '2']) == 0
    loaded = load_checkpoint(tmp_path / 'run' / 'weights.safetensors')
    assert loaded.training['layer'] == 2
    assert not loaded.model.config.cumulative


def test_a_loss_that_is_not_finite_stops_with_step_and_scenes(command, tmp_path, monkeypatch,
                                                              caplog):
    monkeypatch.setattr(train, 'loss_of', lambda *given: torch.tensor(float('nan')))
    assert train.main([*command, '--out', str(tmp_path / 'run')]) == 1
    assert 'loss nan at step 1, process 0, scenes 0 to 1 of seed 0' in caplog.text


def test_a_run_is_not_gone_on_with_under_other_settings(command, preset, tmp_path, caplog):
    folder = str(tmp_path / 'run')
    assert train.main([*command, '--out', folder]) == 0
    preset.write_text(yaml.safe_dump({**yaml.safe_load(preset.read_text()), 'ema': 0.5}))
    assert train.main([*command, '--out', folder]) == 2
    assert 'begun with other values of ema' in caplog.text


def test_a_run_is_not_gone_on_with_on_other_scenes(command, composed, tmp_path, caplog):
    folder = str(tmp_path / 'run')
    assert train.main([*command, '--out', folder]) == 0
    annotations = str(composed / 'annotations.json')
    command.insert(command.index(annotations), annotations)  # the set twice
    assert train.main([*command, '--out', folder]) == 2
    assert 'begun with other values of data' in caplog.text


def test_samples_are_drawn_while_it_trains(command, tmp_path, monkeypatch):
    monkeypatch.setattr(train, 'DRAW_EVERY', 3)
    monkeypatch.setattr(train, 'DRAWN_STEPS', 2)
    assert train.main([*command, '--out', str(tmp_path / 'run')]) == 0
    drawn = sorted(path.name for path in (tmp_path / 'run' / 'samples').iterdir())
    assert drawn == ['step_000003.png', 'step_000006.png']


@pytest.mark.parametrize('extra, reason', [
    (['--layer', '0'], '--layer counts from 1'),
    (['--preset', 'huge'], 'huge.yaml: cannot be read'),
    (['--device', 'cuda:99'], "device 'cuda:99'"),
])
def test_wrong_settings_are_named_before_anything_is_written(command, tmp_path, caplog, extra,
                                                             reason):
    assert train.main([*command, *extra, '--out', str(tmp_path / 'run')]) == 2
    assert reason in caplog.text
    assert not (tmp_path / 'run').exists()


def test_a_run_keeps_the_precision_that_it_was_begun_in(command, preset, tmp_path, monkeypatch):
    preset.write_text(preset.read_text().replace('float32', 'bfloat16'))
    command += ['--out', str(tmp_path / 'run')]
    for sooner in (False, True):  # measured anew it would be another
        monkeypatch.setattr(train, 'computes_in_bfloat16', lambda device, sooner=sooner: sooner)
        assert train.main([*command, '--steps', '2' if sooner else '1']) == 0
        loaded = load_checkpoint(tmp_path / 'run' / 'weights.safetensors')
        assert loaded.training['precision'] == 'float32'


def test_a_state_of_another_kind_is_named_and_kept(command, tmp_path, caplog):
    torch.save({'step': 3}, tmp_path / 'state.pt')
    before = (tmp_path / 'state.pt').read_bytes()
    assert train.main([*command, '--out', str(tmp_path)]) == 2
    assert f'{tmp_path}: begun with other values of' in caplog.text
    assert (tmp_path / 'state.pt').read_bytes() == before
