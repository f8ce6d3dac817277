"""The tables' figures on answers whose score is known."""

import numpy as np
import pytest
from seq_amodal_ros.sequential import Layer
from training.paper.experiments import data
from training.paper.experiments.scores import diversity, layer_scores, with_layer, without_layer


def test_the_truth_scores_100_on_every_layer_it_holds(truth, right):
    scores = layer_scores(truth, right)
    assert [(row['layer'], row['iou'], row['ap'], row['images']) for row in scores] == [
        (1, 100, 100, 2), (2, 100, 100, 1), (3, 100, 100, 1)]
    assert with_layer(scores) == 100
    assert without_layer(truth, right, min_area=10) == 100


def test_a_swap_of_layers_costs_the_ap_with_layer_alone(truth, swapped):
    assert with_layer(layer_scores(truth, swapped)) < 80
    assert without_layer(truth, swapped, min_area=10) > 99


def test_an_object_without_a_pixel_on_the_grid_counts_for_nothing(truth, right):
    masks = np.array([truth[1].masks[0], np.zeros_like(truth[1].masks[0])])
    vanished = data.TestImage(truth[1].image, masks, np.array([1, 1]))
    assert without_layer([vanished], right[1:], min_area=10) == 100


def test_layers_that_no_image_holds_are_not_in_the_table(truth, right):
    right[1].append(right[0][1])
    assert [row['layer'] for row in layer_scores(truth, right)] == [1, 2, 3]


def test_what_is_not_found_scores_nothing(truth):
    scores = layer_scores(truth, [[], []])
    assert [row['iou'] for row in scores] == [0, 0, 0]


def test_ap_with_layer_weighs_each_layer_of_each_image_alike(truth, right):
    right[1] = []
    rows = layer_scores(truth, right)
    assert with_layer(rows) == pytest.approx((3 * 100 + 100 * truth[1].layer(1).mean()) / 4)


def test_equal_hypotheses_have_no_diversity_and_half_a_mask_has_some(right, differing):
    assert all(row['distance'] == 0 for row in diversity(right))
    row, = diversity(differing)
    assert row['distance'] == pytest.approx((0 + 0.5 + 0.5) / 3)


def test_two_blank_hypotheses_are_equal():
    mask = np.zeros((3, 8, 8), np.float32)
    mask[0, 2:5] = 1
    row, = diversity([[Layer(mask[0], mask)]])
    assert row['distance'] == pytest.approx((1 + 1 + 0) / 3)
