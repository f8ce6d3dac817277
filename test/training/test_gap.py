"""What a model loses by its own mistakes is told apart from what it cannot see."""

import numpy as np
import pytest
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.sample import Sample
from seq_amodal_ros.segmenter import Segmenter, Settings
from training.gap import gaps, main


@pytest.fixture(scope='module')
def found(composed):
    """Return the gaps of the shipped weights on the scenes that ship."""
    return gaps(Segmenter.load(device='cpu'), samples(composed / 'annotations.json'))


def test_on_layer_1_there_is_nothing_to_be_wrong_about(found, composed):
    scenes = sum(1 for _ in samples(composed / 'annotations.json'))
    assert len(found[1].true) == scenes
    # Scraps go; what was put off comes back, which only helps, and only in few scenes.
    assert abs(np.median(np.subtract(found[1].true, found[1].own))) < 3
    assert np.mean(found[1].own) > np.mean(found[1].true) - 3


def test_what_is_lost_after_layer_1_is_lost_with_own_cumulative_masks_alone(composed):
    blind = Segmenter.load(device='cpu', settings=Settings(max_layers=1))  # deeper it finds nothing
    found = gaps(blind, samples(composed / 'annotations.json'))
    assert len(found[2].true) == len(found[2].own) > 0
    assert max(found[2].own) == 0
    assert min(found[2].true) > 0
    assert np.mean(found[2].true) > 50


def test_the_table_has_a_row_a_layer(composed, capsys):
    assert main([str(composed / 'annotations.json'), '--device', 'cpu']) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split()[0] == 'layer'
    assert rows[1].split()[0] == '1'
    assert rows[-1].startswith('K = 3, cpu, weights default@')


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    assert main([str(tmp_path / 'none.json')]) == 2
    assert 'none.json' in capsys.readouterr().err


def test_a_wrong_number_of_hypotheses_is_named(composed, capsys):
    assert main([str(composed / 'annotations.json'), '--k', '0', '--device', 'cpu']) == 2
    assert '--k must lie in 1 to 64, got 0' in capsys.readouterr().err


def test_a_layer_that_an_image_lacks_is_not_counted():
    masks = np.zeros((2, 64, 64), bool)
    masks[0, :20], masks[1, 30:] = True, True
    sample = Sample(masks, np.array([1, 3]), np.zeros((2, 2), bool), 'a picture',
                    lambda: np.zeros((64, 64, 3), np.uint8))
    assert set(gaps(Segmenter.load(device='cpu'), [sample])) == {1, 3}
