"""One command trains what an experiment needs, tests it and writes the table."""

import json

import pytest
from training.engine.protocols import FOLDER as PROTOCOLS
from training.paper import train
from training.paper.experiments import cost
from training.paper.experiments.__main__ import main
from training.paper.experiments.models import trained_as_long, TrainingData
from training.paper.experiments.settings import FOLDER, read_setting
import yaml


@pytest.fixture
def command(preset, composed, tmp_path):
    """Return the arguments of a tiny experiment, but for its name."""
    content = {**yaml.safe_load((FOLDER / 'small.yaml').read_text()), 'preset': str(preset),
               'steps': 2, 'layer_steps': 1, 'layers': 2, 'images': 3, 'ensembles': [2],
               'sampling_steps': 2, 'noise_levels': [0.0, 0.5], 'batch': 2,
               'default_steps': 1}
    setting = tmp_path / 'tiny_setting.yaml'
    setting.write_text(yaml.safe_dump(content))
    annotations = str(composed / 'annotations.json')
    return ['--coco', annotations, '--test', annotations, '--setting', str(setting), '--out',
            str(tmp_path / 'out'), '--device', 'cpu']


@pytest.mark.parametrize('name, ours', [('tab1', ['K = 2']), ('tab2', ['mean mask', 'chosen mask']),
                                        ('tab3', ['0%', '50%']), ('tab4', ['DIS', 'cumulative']),
                                        ('tab5', ['ours']), ('fig4', []), ('cost', ['1 step'])])
def test_a_table_states_ours_and_its_conditions(command, tmp_path, monkeypatch, name, ours):
    monkeypatch.setattr(cost, 'WALKED', 1)  # a call of the full network takes seconds
    assert main([name, *command]) == 0
    content = json.loads((tmp_path / 'out' / f'{name}.json').read_text())
    names = [row[''] for row in content['rows']]
    assert all(any(part in row for row in names) for part in ours)
    assert content['conditions']['hardware']
    assert (tmp_path / 'out' / f'{name}.md').is_file()


def test_both_networks_are_trained_for_the_same_time(command, tmp_path):
    protocol = tmp_path / 'few.yaml'
    mixed = yaml.safe_load((PROTOCOLS / 'mixed.yaml').read_text())
    protocol.write_text(yaml.safe_dump({**mixed, 'objects': [1, 3], 'procedural': 20}))
    command[command.index('--coco'):command.index('--test')] = ['--protocol', str(protocol)]
    assert main(['time', *command]) == 0
    content = json.loads((tmp_path / 'out' / 'time.json').read_text())
    rival, default = content['conditions']['seconds of training']
    assert default > 0 and abs(rival - default) <= 1
    assert content['conditions']['images'] == 3
    config = yaml.safe_load((tmp_path / 'out' / 'models' / 'default' / 'config.yaml').read_text())
    assert config['zoom'] == [1, 1]  # as the paper's network sees them, and the test
    assert len(content['rows']) == 2 and all(row['ECE where hidden'] for row in content['rows'])


def test_a_training_that_was_stopped_early_is_not_compared(command, tmp_path, monkeypatch):
    def stopped(arguments):
        minutes = arguments.index('--minutes') + 1
        return whole([*arguments[:minutes], '0', *arguments[minutes + 1:]])
    whole = train.main
    monkeypatch.setattr(train, 'main', stopped)
    setting = read_setting(command[command.index('--setting') + 1])
    data = TrainingData(command[1:2], '', (), 'cpu')
    with pytest.raises(ValueError, match='stopped after 0 of 60 seconds; the same command goes'):
        trained_as_long(tmp_path / 'out', setting, data, 60)


def test_the_default_network_needs_composed_scenes(command, capsys):
    assert main(['time', *command]) == 2
    assert 'give --protocol in place of --coco' in capsys.readouterr().err


def test_models_are_trained_once(command, tmp_path):
    assert main(['tab2', *command]) == 0
    weights = tmp_path / 'out' / 'models' / 'cumulative' / 'weights.safetensors'
    before = weights.read_bytes()
    assert main(['tab5', *command]) == 0
    assert weights.read_bytes() == before


def test_a_gallery_is_drawn(command, tmp_path):
    assert main(['gallery', *command]) == 0
    assert (tmp_path / 'out' / 'gallery.png').stat().st_size > 1000


def test_what_cannot_be_read_is_one_line(command, tmp_path, capsys):
    command[command.index('--test') + 1] = 'nowhere.json'
    assert main(['tab2', *command]) == 2
    assert capsys.readouterr().err.startswith('experiments: nowhere.json: cannot be read')
    assert not (tmp_path / 'out').exists()  # it was found before training began


def test_what_a_network_costs_needs_no_scenes(command, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, 'WALKED', 1)
    assert main(['cost', *command[command.index('--setting'):]]) == 0
    assert (tmp_path / 'out' / 'cost.json').is_file()


@pytest.mark.parametrize('left_out', ['--coco', '--test'])
def test_every_other_experiment_names_the_scenes_that_it_needs(command, capsys, left_out):
    at = command.index(left_out)
    with pytest.raises(SystemExit):
        main(['tab2', *command[:at], *command[at + 2:]])
    assert 'tab2 needs --test, and --coco or --protocol' in capsys.readouterr().err


def test_cutouts_beside_a_data_set_are_refused(command, capsys):
    with pytest.raises(SystemExit):
        main(['tab2', *command, '--cutouts', 'fruit.npz'])
    assert '--cutouts are what --protocol composes from' in capsys.readouterr().err


def test_only_tables_with_rows_of_the_paper_say_what_these_are_on(command, tmp_path):
    shown = {}
    for name in ('tab2', 'tab5', 'fig4'):
        assert main([name, *command]) == 0
        shown[name] = json.loads((tmp_path / 'out' / f'{name}.json').read_text())['conditions']
    assert shown['tab2']['rows of the paper'] == 'on its own data'  # a data set is no stand-in
    assert 'rows of the paper' not in shown['fig4']
    assert len({conditions['cells'] for conditions in shown.values()}) == 3
