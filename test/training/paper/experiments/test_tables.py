"""Each table varies what its name says, and nothing else."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from seq_amodal_ros.sequential import chosen_mask
from training.paper.experiments import models, tables
from training.paper.experiments.models import independent, TrainingData
from training.paper.experiments.settings import read_setting
from training.paper.experiments.tables import Bench, mean_mask, TABLES

SIZE = 32


def checkpoint(name, **training):
    """Return what a table asks of a checkpoint; `name` tells it from others."""
    facts = {'config': {'channels': 16, 'mask_size': SIZE, 'batch': 4, 'seed': 0}, 'data': ['d'],
             'steps': 1, 'rules': {'max_layers': 3, 'min_area': 5}}
    return SimpleNamespace(name=name, model=SimpleNamespace(mask_size=SIZE),
                           training={**facts, **training})


@pytest.fixture
def asked(truth, right, monkeypatch):
    """Return what the tables ask for from now on: walks of Alg. 2 and networks of DIS."""
    found = SimpleNamespace(walks=[], rivals=[])

    def sequential(model, images, setting, device, choose=chosen_mask):
        found.walks.append((model.name, setting.hypotheses, choose))
        return right

    def alone(rivals, images, setting, device):
        found.rivals.extend(rival.name for rival in rivals)
        return right

    monkeypatch.setattr(tables, 'sequential', sequential)
    monkeypatch.setattr(tables, 'independent', alone)
    monkeypatch.setattr(Bench, 'truth', lambda self, model, limit=None: truth)
    monkeypatch.setattr(Bench, 'model', lambda self, layer=None, noise=0.0: checkpoint(
        (layer, noise)))
    return found


@pytest.fixture
def bench(tmp_path):
    """Return a bench whose setting is `small` with three levels of noise and two of K."""
    setting = replace(read_setting('small'), ensembles=(3, 7), noise_levels=(0.0, 0.1, 0.2),
                      layers=2)
    return Bench(tmp_path, tmp_path / 'set' / 'annotations.json',
                 TrainingData((), 'mixed', (), 'cpu'), setting, 'here')


def test_tab_1_varies_the_number_of_masks(bench, asked):
    TABLES['tab1'](bench)
    assert asked.walks == [((None, 0.0), 3, chosen_mask), ((None, 0.0), 7, chosen_mask)]


def test_the_mean_mask_is_of_those_that_are_not_null():
    masks = np.zeros((3, 2, 2), np.float32)
    masks[0, 0], masks[1] = 1, 1
    assert mean_mask(masks).tolist() == [[1, 1], [0.5, 0.5]]
    assert mean_mask(masks[2:]) is None


def test_tab_2_varies_the_mask_that_is_chosen(bench, asked):
    TABLES['tab2'](bench)
    assert [choose for _, _, choose in asked.walks] == [mean_mask, chosen_mask]


def test_tab_3_varies_the_noise_in_training(bench, asked):
    TABLES['tab3'](bench)
    assert [name for name, _, _ in asked.walks] == [(None, 0.0), (None, 0.1), (None, 0.2)]


def test_tab_4_sets_one_network_a_layer_beside_one_for_all(bench, asked):
    TABLES['tab4'](bench)
    assert asked.rivals == [(1, 0.0), (2, 0.0)]
    assert [name for name, _, _ in asked.walks] == [(None, 0.0)]


def test_each_layer_of_dis_is_from_its_own_network(truth, right, monkeypatch, bench):
    class Known:
        def __init__(self, given, device, settings):
            self.given, self.settings = given, settings

        def layers(self, images, settings, choose):
            assert settings.max_layers == 1
            return [layers[self.given.name:self.given.name + 1] for layers in right]

    monkeypatch.setattr(models, 'Segmenter', Known)
    stack, alone = independent([checkpoint(0), checkpoint(1)], truth, bench.setting, 'cpu')
    assert [(one.mask == true.mask).all() for one, true in zip(stack, right[0])] == [True, True]
    assert (alone[0].mask == right[1][0].mask).all()
    assert not alone[1].mask.any()  # it has no second layer
