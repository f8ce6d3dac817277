"""Scores agree with scikit-learn; reductions are those that the docstrings state."""

from hypothesis import assume, given, settings
from hypothesis.extra import numpy as arrays
import numpy as np
import pytest
from seq_amodal_ros.evaluation.metrics import average_precision, iou, LayerScore, match, ObjectScore
from seq_amodal_ros.evaluation.sample import Truth
from sklearn.metrics import average_precision_score, jaccard_score

MASK = arrays.arrays(bool, (5, 7))
NO_PAIR = np.zeros((3, 3), bool)


@given(MASK, MASK)
@settings(deadline=None)
def test_scores_are_those_of_scikit_learn(predicted, true):
    assume(true.any())
    assert iou(predicted, true) == pytest.approx(jaccard_score(true.ravel(), predicted.ravel()))
    assert average_precision(predicted, true) == pytest.approx(
        average_precision_score(true.ravel(), predicted.ravel()))


def rows(*chosen):
    """Return a 4 x 4 mask with these rows set."""
    mask = np.zeros((4, 4), bool)
    mask[list(chosen)] = True
    return mask


def test_the_three_reductions_of_a_layer():
    score = LayerScore()
    score.add(rows(0), rows(0, 1))        # 0.5
    score.add(rows(0), rows(0))           # 1
    score.add(rows(2, 3), rows())         # lacks the layer: only pixels count
    result = score.result(all_images=4, all_pixels=4 * 16)
    assert result['images'] == 2
    assert result['iou'] == 75
    assert result['iou_zeroed'] == 37.5
    assert result['iou_pooled'] == pytest.approx(100 * 8 / 20)
    true, said = (np.concatenate([mask.ravel() for mask in masks]) for masks in (
        (rows(0, 1), rows(0), rows(), rows()), (rows(0), rows(0), rows(2, 3), rows())))
    assert result['ap_pooled'] == pytest.approx(100 * average_precision_score(true, said))


def test_matching_takes_the_best_pairs_once():
    predicted = np.array([rows(0, 1), rows(0)])
    true = np.array([rows(0, 1), rows(1), rows(3)])
    assert match(predicted, true) == [(0, 0, 1.0)]  # what overlaps 1 is taken already


def test_masks_of_any_size_are_compared_whole():
    masks = np.zeros((3, 300, 400), bool)
    masks[0, :200], masks[1, 100:], masks[2, 299, 399] = True, True, True
    assert match(masks, masks) == [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0)]
    assert match(masks[:1], masks[1:2]) == [(0, 0, pytest.approx(1 / 3))]


def test_where_nothing_is_found_there_is_no_share_on_the_right_layer():
    score = ObjectScore()
    score.add(np.zeros((0, *rows(0).shape), bool), np.zeros(0, int),
              Truth(np.array([rows(0)]), np.array([1]), NO_PAIR[:1, :1]))
    assert (score.result()['recall'], score.result()['right_layer']) == (0, None)


def test_objects_count_whatever_their_layer():
    score = ObjectScore()
    score.add(np.array([rows(0), rows(2)]), np.array([1, 1]),
              Truth(np.array([rows(0), rows(2), rows(3)]), np.array([1, 2, 1]), NO_PAIR))
    result = score.result()
    assert result['recall'] == pytest.approx(200 / 3)
    assert result['precision'] == 100
    assert result['right_layer'] == 50
    assert result['iou'] == pytest.approx(200 / 3)


@pytest.mark.parametrize('layers', [[1, 2, 2], [1, 2, 3]])  # what lies elsewhere may set a layer
def test_the_order_of_a_pair_is_asked_where_one_lies_on_the_other(layers):
    masks, z = np.array([rows(0, 1), rows(1, 2), rows(2, 3)]), NO_PAIR.copy()
    z[1, 0] = True  # the last two overlap, but only graze
    truth = Truth(masks, np.array(layers), z)
    score = ObjectScore()
    score.add(masks, np.array([1, 2, 1]), truth)
    assert (score.result()['pairs'], score.result()['ordered']) == (1, 100)
    score.add(masks, np.array([1, 1, 2]), truth)
    assert (score.result()['pairs'], score.result()['ordered']) == (2, 50)


def test_a_layer_has_both_scores_over_its_images_and_over_all():
    score = LayerScore()
    score.add(rows(0), rows(0, 1))
    result, ap = score.result(all_images=2, all_pixels=32), average_precision(rows(0), rows(0, 1))
    assert (result['ap'], result['ap_zeroed']) == (100 * ap, 50 * ap)
    assert ap != result['iou'] / 100


def test_half_is_found_and_less_counts_for_the_overlap_alone():
    score = ObjectScore()
    score.add(np.array([rows(0), rows(1, 2, 3)]), np.array([1, 1]),
              Truth(np.array([rows(0, 1), rows(3)]), np.array([1, 1]), NO_PAIR[:2, :2]))
    result = score.result()
    assert (result['recall'], result['precision']) == (50, 50)
    assert result['iou'] == pytest.approx(100 * (1 / 2 + 1 / 3) / 2)
