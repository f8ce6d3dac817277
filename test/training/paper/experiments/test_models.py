"""What an experiment's networks are sampled by."""

from types import SimpleNamespace

import pytest
from training.paper.experiments.models import settings_of


@pytest.mark.parametrize('side, least', [(64, 10), (32, 40), (128, 2)])
def test_the_smallest_area_of_the_training_data_is_counted_on_64_by_64(side, least):
    checkpoint = SimpleNamespace(training={'rules': {'max_layers': 5, 'min_area': 10}},
                                 model=SimpleNamespace(mask_size=side))
    setting = SimpleNamespace(hypotheses=3, sampling_steps=20, sampler='dpm')
    settings = settings_of(checkpoint, setting)
    assert (settings.max_layers, settings.min_area) == (5, least)
