"""Settings are complete; the full one is the paper's."""

from dataclasses import replace

import pytest
from training.paper.config import read_preset
from training.paper.experiments.settings import FOLDER, read_setting


@pytest.mark.parametrize('name', [path.stem for path in FOLDER.glob('*.yaml')])
def test_every_setting_is_complete_and_its_preset_is_there(name):
    assert read_preset(read_setting(name).preset).batch


def test_the_full_setting_is_the_papers():
    full = read_setting('full')
    assert (full.hypotheses, full.sampler, full.sampling_steps) == (3, 'ancestral', 1000)
    assert (full.ensembles, full.images) == ((3, 5, 7, 9), 3000)
    assert read_preset(full.preset).batch == 256


def test_an_unknown_setting_lists_the_known_ones():
    with pytest.raises(ValueError, match='take one of full, small'):
        read_setting('huge')


@pytest.mark.parametrize('name, value, reason', [
    ('sampler', 'dmp', 'sampler must be one of'), ('sampler', 'ancestral', 'steps must be 1000'),
    ('batch', 0, 'batch counts from 1'), ('images', -1, 'images counts from 1'),
    ('hypotheses', 0, 'hypotheses must lie in'), ('ensembles', (3, 99), 'hypotheses must lie in'),
    ('noise_levels', (0.0, 5.0), 'noise_levels must lie in 0 to 1')])
def test_what_no_experiment_can_do_is_named_before_it_trains(name, value, reason):
    with pytest.raises(ValueError, match=reason):
        replace(read_setting('small'), **{name: value})
