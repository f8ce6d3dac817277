"""An oracle scores 100, a blind one 0; so the figures mean something."""

from itertools import count

import numpy as np
import pytest
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.report import evaluate, score, table
from seq_amodal_ros.evaluation.sample import DatasetError, Truth
from seq_amodal_ros.scene import AmodalObject, LayeredScene, occluded_by_layers


def truth(sample):
    """Return the sample's truth as a scene."""
    height, width = sample.masks.shape[1:]
    occluders = occluded_by_layers(list(sample.masks), list(sample.layers))
    return LayeredScene(height, width, tuple(
        AmodalObject(i, int(layer), mask, mask[None], 1.0,
                     tuple((np.flatnonzero(above) + 1).tolist()))
        for i, mask, layer, above in zip(count(1), sample.masks, sample.layers, occluders)))


def test_an_oracle_scores_100_everywhere(composed):
    data = list(samples(composed / 'annotations.json'))
    answers = iter(truth(sample) for sample in data)
    result = evaluate(data, lambda image: next(answers))
    assert result['images'] == len(data)
    assert len(result['layers']) > 1
    for row in result['layers']:
        assert row['iou'] == row['ap'] == row['iou_pooled'] == 100
    objects = result['objects']
    assert objects['recall'] == objects['precision'] == objects['right_layer'] == 100
    assert objects['ordered'] == 100
    assert objects['pairs'] > 0
    hypotheses = result['hypotheses']
    assert hypotheses['best_iou'] == 100
    assert hypotheses['ged'] == 0
    assert hypotheses['ece'] == 0.25  # all that one hypothesis can say is 1/4 or 3/4
    assert hypotheses['hidden_pixels'] > 0


def test_one_that_sees_nothing_scores_0(composed):
    data = list(samples(composed / 'annotations.json'))
    result = evaluate(data, lambda image: LayeredScene(*image.shape[:2], ()))
    assert [row['iou'] for row in result['layers']] == [0] * len(result['layers'])
    assert result['objects']['recall'] == 0


def test_the_table_shows_every_layer(composed):
    data = list(samples(composed / 'annotations.json'))
    result = evaluate(data, lambda image: LayeredScene(*image.shape[:2], ()))
    assert len(table(result).splitlines()) == 1 + len(result['layers']) + 2


def test_recorded_answers_score_as_those_that_are_asked_for(composed):
    data = list(samples(composed / 'annotations.json'))
    answers = iter([truth(sample) for sample in data])
    asked = evaluate(data, lambda image: next(answers))
    assert asked.pop('seconds_per_image') > 0
    assert score((sample, truth(sample)) for sample in data) == asked


def test_a_first_image_that_takes_long_does_not_move_what_an_image_takes(composed, monkeypatch):
    data = list(samples(composed / 'annotations.json'))[:3]
    clock = iter([0, 90, 90, 92, 92, 95])
    monkeypatch.setattr('time.perf_counter', lambda: next(clock))
    result = evaluate(data, lambda image: LayeredScene(*image.shape[:2], ()))
    assert result['seconds_per_image'] == 3


def test_no_samples_are_an_error():
    with pytest.raises(DatasetError, match='empty'):
        evaluate([], lambda image: LayeredScene(*np.shape(image)[:2], ()))


def test_hidden_is_what_an_occluder_of_the_truth_covers_not_all_that_lies_on_lower_layers():
    masks = np.zeros((2, 8, 8), bool)
    masks[0, :4], masks[1, 3:] = True, True  # they share a row
    for occluded, pixels in ((False, 0), (True, 8)):
        z = np.zeros((2, 2), bool)
        z[1, 0] = occluded
        sample = Truth(masks, np.array([1, 2]), z)
        result = score([(sample, truth(sample))])
        assert result['hypotheses']['hidden_pixels'] == pixels
