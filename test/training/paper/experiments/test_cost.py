"""What an image costs follows from the number of calls."""

import numpy as np
import pytest
from seq_amodal_ros.checkpoint import load_checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
from seq_amodal_ros.replay import Replayed, uncaptured
from seq_amodal_ros.segmenter import Segmenter, Settings
from training.paper.experiments import cost


@pytest.fixture
def model():
    """Return a narrow network on 32 x 32 pixels."""
    return ConcatUNet(ConcatUNetConfig(mask_size=32, channels=16, multipliers=(1, 2), blocks=1,
                                       attention_size=16)).eval()


def test_1000_steps_cost_1000_calls_a_layer(model):
    one = cost.ancestral_cost(model, hypotheses=1, layers=1, device='cpu')
    more = cost.ancestral_cost(model, hypotheses=3, layers=5, device='cpu')
    assert more.gmac == pytest.approx(15 * one.gmac, rel=1e-6)
    assert more.seconds > one.seconds > 0


def test_the_report_sets_presets_beside_the_fast_one(preset, small_checkpoint):
    report = cost.cost_report([str(preset)], load_checkpoint(small_checkpoint), 2, 2, 'cpu', 'here')
    slow, fast = report.rows
    assert float(slow['GMAC']) > float(fast['GMAC'])
    assert fast['times the fast one'] == '1'
    assert report.conditions['hardware'] == 'here'


def test_the_fast_one_walks_as_many_layers_as_asked(small_checkpoint):
    small = load_checkpoint(small_checkpoint)
    one = cost.fast_cost(small, hypotheses=2, layers=1, device='cpu')
    three = cost.fast_cost(small, hypotheses=2, layers=3, device='cpu')
    encoder = (3 * one.gmac - three.gmac) / 2
    assert 0 < encoder < one.gmac  # paid once, the layers three times


def test_no_work_is_counted_within_a_captured_graph(small_checkpoint, monkeypatch):
    captures = []
    called = Replayed.__call__
    monkeypatch.setattr(Replayed, '__call__', lambda self, *given: (
        captures.append(self.captures), called(self, *given))[1])
    segmenter = Segmenter(load_checkpoint(small_checkpoint), 'cpu')
    for call in segmenter.graphs:
        call.captures = True  # as on CUDA
    with uncaptured(segmenter.graphs):
        segmenter.layers([np.zeros((64, 64, 3), np.uint8)], Settings())
    assert captures and not any(captures)
    assert all(call.captures for call in segmenter.graphs)
