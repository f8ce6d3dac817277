"""Hypotheses that cover the truth score well, sure and wrong ones badly."""

import numpy as np
import pytest
from seq_amodal_ros.evaluation.uncertainty import HypothesisScore, rank_correlation


def mask(*columns, width=8):
    """Return a mask of one row that is set in those columns."""
    result = np.zeros((1, width), bool)
    result[0, list(columns)] = True
    return result


NOWHERE = mask()


def scored(truths, hypotheses, hidden):
    """Return the result over objects of one set of hypotheses each."""
    score = HypothesisScore()
    for true in truths:
        score.add(hypotheses[0], np.stack(hypotheses), 1.0, true, hidden)
    return score.result()


def test_hypotheses_that_are_the_truth_are_perfect():
    result = scored([mask(1, 2, 3)], [mask(1, 2, 3)] * 3, mask(3))
    assert result['best_iou'] == result['chosen_iou'] == 100
    assert result['ged'] == 0


@pytest.mark.parametrize('k', [1, 3, 63])
def test_the_more_hypotheses_agree_the_surer_they_are(k):
    result = scored([mask(1, 2, 3)], [mask(1, 2, 3)] * k, mask(3))
    assert result['ece'] == pytest.approx(0.5 / (k + 1))
    assert result['brier'] == pytest.approx((0.5 / (k + 1)) ** 2)


def test_the_best_of_k_may_be_another_than_the_chosen_one():
    result = scored([mask(1, 2)], [mask(1, 2, 3, 4), mask(1, 2)], NOWHERE)
    assert result['chosen_iou'] == 50
    assert result['best_iou'] == 100


def test_what_the_chosen_mask_covers_beside_all_hypotheses_counts_against_it():
    score = HypothesisScore()
    score.add(mask(1, 2, 6, 7), np.stack([mask(1, 2)]), 1.0, mask(1, 2), NOWHERE)
    assert score.result()['chosen_iou'] == 50


def test_energy_distance_by_hand():
    # d to the truth: 0 and 1/2; among the two: 0, 1/2, 1/2, 0
    result = scored([mask(1, 2)], [mask(1, 2), mask(1, 2, 3, 4)], NOWHERE)
    assert result['ged'] == pytest.approx(2 * 0.25 - 0.25)


def test_hypotheses_that_split_as_the_truth_does_are_calibrated():
    """Half of the hypotheses say that the object goes on under the occluder; half of them do."""
    truths = [mask(1, 2), mask(1)]
    split = scored(truths, [mask(1, 2), mask(1)], mask(2))
    sure = scored(truths, [mask(1, 2), mask(1, 2)], mask(2))
    assert split['ece'] == 0
    assert split['brier'] == 0.25
    assert sure['ece'] == pytest.approx(5 / 6 - 1 / 2)  # both of two: (2 + 1/2) / 3
    assert sure['brier'] == pytest.approx(((1 / 6) ** 2 + (5 / 6) ** 2) / 2)


def test_what_is_seen_does_not_count_for_calibration():
    result = scored([mask(1, 2)], [mask(5, 6)], NOWHERE)
    assert result['hidden_pixels'] == 0


def test_ranks_with_ties_by_hand():
    assert rank_correlation([0.1, 0.5, 0.9], [10, 20, 21]) == pytest.approx(1)
    assert rank_correlation([0.1, 0.5, 0.9], [3, 2, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 1, 2, 3], [1, 2, 3, 3]) == pytest.approx(
        np.corrcoef([1.5, 1.5, 3, 4], [1, 2, 3.5, 3.5])[0, 1])
    assert rank_correlation([1, 1], [1, 2]) is None
    assert rank_correlation([], []) is None
