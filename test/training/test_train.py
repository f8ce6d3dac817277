"""Training runs, learns, resumes where it stopped and exports weights that load."""

import _thread
from dataclasses import replace

import pytest
from seq_amodal_ros.checkpoint import load_checkpoint
import torch
from training import train
from training.config import read_config
from training.feed import Feed
from training.locks import locked


def state(folder):
    """Return a run's saved state."""
    return torch.load(folder / 'state.pt', weights_only=True)


def test_a_run_exports_weights_that_load(config, tmp_path):
    folder = tmp_path / 'run'
    assert train.main(['--out', str(folder), '--config', str(config), '--device', 'cpu']) == 0
    loaded = load_checkpoint(folder / 'weights.safetensors')
    assert loaded.training['steps'] == 3
    assert loaded.training['sources'] == {'procedural': 20}
    assert list(folder.glob('events.*'))


def test_a_stopped_run_resumes(config, tmp_path, caplog):
    caplog.set_level('INFO')
    folder = tmp_path / 'run'
    command = ['--out', str(folder), '--config', str(config), '--device', 'cpu']
    assert train.main([*command, '--minutes', '0']) == 0
    assert state(folder)['step'] == 0
    assert '--minutes are over: stopped at step 0 of 3; the same command goes on' in caplog.text
    assert train.main(command) == 0
    assert state(folder)['step'] == 3
    before = state(folder)['average']
    assert train.main(command) == 0  # nothing left to do
    assert all(torch.equal(value, before[name])
               for name, value in state(folder)['average'].items())


def test_a_run_may_be_made_longer_and_nothing_else_changed(config, edited, tmp_path, caplog,
                                                           monkeypatch):
    command = ['--out', str(tmp_path / 'run'), '--device', 'cpu', '--config']
    assert train.main([*command, str(config)]) == 0
    longer = edited(config, tmp_path / 'longer.yaml', steps=4)
    rates, losses = [], train.layer_losses
    monkeypatch.setattr(train, 'layer_losses', lambda *given: rates.append(
        runs[0].learner.optimiser.param_groups[0]['lr']) or losses(*given))
    runs, begin = [], train.DefaultRun.begin
    monkeypatch.setattr(train.DefaultRun, 'begin',
                        lambda run, anew: runs.append(run) or begin(run, anew))
    assert train.main([*command, str(longer)]) == 0
    assert state(tmp_path / 'run')['step'] == 4
    given = read_config(longer)  # the old schedule ended at a rate of 0
    assert rates == [pytest.approx(given.learning_rate * train.learning_factor(step, given))
                     for step in range(read_config(config).steps, 4)]
    assert train.main([*command, str(edited(config, tmp_path / 'other.yaml', ema=0.5))]) == 2
    assert 'begun with other values of ema' in caplog.text


def test_a_run_goes_on_with_the_scenes_that_it_was_begun_with(config, composed, tmp_path, caplog):
    command = ['--out', str(tmp_path / 'run'), '--config', str(config), '--device', 'cpu']
    recorded = ['--recorded', str(composed / 'annotations.json')]
    assert train.main([*command, *recorded, '--minutes', '0']) == 0
    assert train.main(command) == 2
    assert 'begun with other values of data' in caplog.text
    assert train.main([*command, *recorded]) == 0


def test_a_run_that_another_optimiser_began_is_refused_and_kept(config, tmp_path, caplog):
    command = ['--out', str(tmp_path / 'run'), '--config', str(config), '--device', 'cpu']
    assert train.main([*command, '--minutes', '0']) == 0
    saved = state(tmp_path / 'run')
    del saved['identity']['optimiser']  # as runs of earlier commits
    torch.save(saved, tmp_path / 'run' / 'state.pt')
    before = (tmp_path / 'run' / 'state.pt').read_bytes()
    assert train.main(command) == 2
    assert 'begun with other values of optimiser' in caplog.text
    assert (tmp_path / 'run' / 'state.pt').read_bytes() == before


def test_two_runs_never_share_a_folder(config, tmp_path, caplog):
    folder = tmp_path / 'run'
    folder.mkdir()
    with locked(folder):
        assert train.main(['--out', str(folder), '--config', str(config)]) == 2
    assert f'{folder}: another process works there' in caplog.text
    assert not (folder / 'state.pt').exists()


def test_a_run_goes_on_from_given_weights(config, tmp_path):
    command = ['--config', str(config), '--device', 'cpu']
    assert train.main([*command, '--out', str(tmp_path / 'first')]) == 0
    weights = tmp_path / 'first' / 'weights.safetensors'
    assert train.main([*command, '--out', str(tmp_path / 'second'), '--start', str(weights),
                       '--minutes', '0']) == 0
    first, second = (load_checkpoint(tmp_path / name / 'weights.safetensors')
                     for name in ('first', 'second'))
    assert all(torch.equal(value, second.model.state_dict()[name])
               for name, value in first.model.state_dict().items())
    assert second.training['start']['weights'] == first.label


def test_seams_alone_are_learnt_where_the_config_says_so(config, edited, tmp_path):
    command = ['--device', 'cpu', '--out']
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


def test_at_a_rate_of_0_the_encoder_and_its_norms_stay(config, edited, tmp_path):
    frozen = edited(config, tmp_path / 'frozen.yaml', encoder_rate=0, learns=['masks'])
    command = ['--config', str(frozen), '--device', 'cpu', '--out', str(tmp_path / 'run')]
    assert train.main([*command, '--minutes', '0']) == 0
    before = state(tmp_path / 'run')['model']
    assert train.main(command) == 0
    changed = changed_parts(before, state(tmp_path / 'run')['model'])
    assert 'head' in changed
    assert not any(name.startswith(('encoder', 'neck', 'seams')) for name in changed)


def test_a_run_may_do_without_estimates_of_its_own(config, edited, tmp_path):
    alone = edited(config, tmp_path / 'alone.yaml', own_cumulative=0.0, self_conditioning=0.0)
    folder = tmp_path / 'run'
    assert train.main(['--out', str(folder), '--config', str(alone), '--device', 'cpu']) == 0
    assert state(folder)['step'] == 3


def test_missing_cutouts_are_named(tmp_path, caplog):
    assert train.main(['--cutouts', str(tmp_path / 'no.npz'), '--out', str(tmp_path / 'r')]) == 2
    assert 'no.npz' in caplog.text
    assert not (tmp_path / 'r').exists()


def test_a_device_that_is_not_there_is_named(config, tmp_path, caplog):
    assert train.main(['--config', str(config), '--device', 'cuda:99', '--out',
                       str(tmp_path / 'run')]) == 2
    assert "device 'cuda:99'" in caplog.text
    assert not (tmp_path / 'run').exists()


def test_recorded_scenes_are_trained_on_beside_composed_ones(config, composed, tmp_path):
    folder = tmp_path / 'run'
    assert train.main(['--out', str(folder), '--config', str(config), '--device', 'cpu',
                       '--recorded', str(composed / 'annotations.json')]) == 0
    held = load_checkpoint(folder / 'weights.safetensors').training['sources']
    assert set(held) == {'procedural', 'recorded'}
    assert held['recorded'] == len(list((composed / 'images').iterdir()))


def test_an_interrupt_while_objects_are_drawn_leaves_no_traceback(config, tmp_path, monkeypatch,
                                                                  caplog):
    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr('training.engine.sources.procedural_cutouts', interrupted)
    caplog.set_level('INFO')
    assert train.main(['--config', str(config), '--out', str(tmp_path / 'run')]) == 130
    assert 'stopped before a step was taken' in caplog.text
    assert not (tmp_path / 'run').exists()


def test_an_interrupt_keeps_what_was_learnt_and_is_no_success(config, tmp_path, monkeypatch,
                                                              caplog):
    layer_losses, steps = train.layer_losses, []

    def interrupted(*given):
        steps.append(None)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return layer_losses(*given)

    monkeypatch.setattr(train, 'layer_losses', interrupted)
    caplog.set_level('INFO')
    command = ['--config', str(config), '--out', str(tmp_path / 'run'), '--device', 'cpu']
    assert train.main(command) == 130
    assert 'stopped at step 2 of 3' in caplog.text
    assert state(tmp_path / 'run')['step'] == 2


def test_a_file_in_place_of_the_folder_is_named_and_kept(config, tmp_path, caplog):
    (tmp_path / 'run').write_text('mine')
    assert train.main(['--config', str(config), '--out', str(tmp_path / 'run')]) == 2
    assert 'give another --out' in caplog.text
    assert (tmp_path / 'run').read_text() == 'mine'


def test_a_start_of_another_kind_is_named(config, edited, tmp_path, caplog):
    other = edited(config, tmp_path / 'flow.yaml', schedule='flow')
    assert train.main(['--config', str(other), '--out', str(tmp_path / 'run'), '--device', 'cpu',
                       '--start', 'default']) == 2
    assert '--start default@' in caplog.text and "'cosine'" in caplog.text


def test_a_resumed_run_goes_on_with_the_next_scenes_rate_and_noise(config, tmp_path, monkeypatch):
    rates, numbers, seeds = [], [], []
    scenes = Feed.scenes

    def seen(self):
        numbers.append([source.next // count for source, count in self.served])
        return scenes(self)

    def losses(model, *given):
        rates.append([group['lr'] for group in runs[-1].learner.optimiser.param_groups])
        seeds.append(given[-1].initial_seed())
        if len(rates) == 2:
            raise KeyboardInterrupt
        return layer_losses(model, *given)

    class Seen(train.DefaultRun):
        def begin(self, anew):
            runs.append(self)
            super().begin(anew)

    runs, layer_losses = [], train.layer_losses
    monkeypatch.setattr(Feed, 'scenes', seen)
    monkeypatch.setattr(train, 'layer_losses', losses)
    monkeypatch.setattr(train, 'DefaultRun', Seen)
    command = ['--config', str(config), '--out', str(tmp_path / 'run'), '--device', 'cpu']
    assert train.main(command) == 130
    numbers.clear()
    assert train.main(command) == 0
    given = read_config(config)
    shares = (1, 1, given.encoder_rate, given.encoder_rate)
    wanted = [[given.learning_rate * train.learning_factor(step, given) * share
               for share in shares] for step in (0, 1, 1, 2)]
    assert rates == [pytest.approx(row) for row in wanted]
    assert numbers[0] == [1]
    assert seeds[1] == seeds[2]
    assert len(set(seeds)) == 3


def test_a_run_stopped_within_a_step_ends_as_if_it_had_not_been(config, tmp_path, monkeypatch):
    command = ['--config', str(config), '--device', 'cpu', '--out']
    assert train.main([*command, str(tmp_path / 'whole')]) == 0
    step, steps = train.Muon.step, []

    def interrupted(self):
        steps.append(None)
        if len(steps) == 2:
            _thread.interrupt_main()  # as Ctrl-C, half-way
        return step(self)

    with monkeypatch.context() as patched:
        patched.setattr(train.Muon, 'step', interrupted)
        assert train.main([*command, str(tmp_path / 'stopped')]) == 130
    assert state(tmp_path / 'stopped')['step'] == 2
    assert train.main([*command, str(tmp_path / 'stopped')]) == 0
    whole, stopped = (state(tmp_path / name)['average'] for name in ('whole', 'stopped'))
    assert all(torch.equal(value, stopped[name]) for name, value in whole.items())


def test_a_step_that_failed_half_way_is_not_saved(config, tmp_path, monkeypatch):
    def failed(self):
        raise RuntimeError('out of memory')

    monkeypatch.setattr(train.Muon, 'step', failed)
    with pytest.raises(RuntimeError, match='out of memory'):
        train.main(['--config', str(config), '--device', 'cpu', '--out', str(tmp_path / 'run')])
    assert not (tmp_path / 'run' / 'state.pt').exists()


def test_a_disk_that_is_full_is_named_and_keeps_what_was_saved(config, tmp_path, monkeypatch,
                                                               caplog):
    command = ['--config', str(config), '--out', str(tmp_path / 'run'), '--device', 'cpu']
    assert train.main([*command, '--minutes', '0']) == 0
    before = (tmp_path / 'run' / 'state.pt').read_bytes()

    def full(saved, path):
        path.write_bytes(b'half of it')
        raise RuntimeError('unexpected pos 3053696 vs 3053592')

    monkeypatch.setattr(torch, 'save', full)
    assert train.main(command) == 1
    assert 'state.pt: cannot be written (unexpected pos' in caplog.text
    assert (tmp_path / 'run' / 'state.pt').read_bytes() == before
    assert not list((tmp_path / 'run').glob('*.part'))


def test_a_run_keeps_the_precision_that_it_was_begun_in(config, tmp_path, monkeypatch):
    command = ['--config', str(config), '--out', str(tmp_path / 'run'), '--device', 'cpu']
    for sooner, minutes in ((False, '0'), (True, 'inf')):  # measured anew it would be another
        monkeypatch.setattr(train, 'computes_in_bfloat16', lambda device, sooner=sooner: sooner)
        assert train.main([*command, '--minutes', minutes]) == 0
        loaded = load_checkpoint(tmp_path / 'run' / 'weights.safetensors')
        assert loaded.training['precision'] == 'float32'


def test_the_rate_rises_then_falls_to_nothing(config):
    given = replace(read_config(config), steps=100, warmup=10)
    factors = [train.learning_factor(step, given) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10] == max(factors) == 1
    assert sorted(factors[10:], reverse=True) == factors[10:]
    assert factors[100] == pytest.approx(0, abs=1e-9)


def test_photographs_that_no_protocol_takes_are_said(config, edited, photographs, tmp_path, caplog):
    given = edited(config, tmp_path / 'bins.yaml', protocols={'bin': 1})
    assert train.main(['--config', str(given), '--backgrounds', str(photographs), '--out',
                       str(tmp_path / 'run'), '--device', 'cpu']) == 2
    assert 'no scene of bin lies on any' in caplog.text
    assert not (tmp_path / 'run').exists()


def test_weights_that_cannot_be_kept_end_a_run_in_a_line(config, tmp_path, caplog, monkeypatch):
    def large(average, model, decay):
        average.stem.weight.fill_(70_000)  # float16 ends at 65504
    monkeypatch.setattr('training.runs.update_average', large)
    command = ['--config', str(config), '--device', 'cpu', '--out', str(tmp_path / 'run')]
    assert train.main(command) == 1
    assert 'weights.safetensors: stem.weight is not finite in torch.float16' in caplog.text
    assert not (tmp_path / 'run' / 'weights.safetensors').exists()


def test_float32_is_not_tf32_in_training(config, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', True)
    command = ['--config', str(config), '--device', 'cpu', '--out', str(tmp_path / 'run')]
    assert train.main([*command, '--minutes', '0']) == 0
    assert not torch.backends.cudnn.allow_tf32
