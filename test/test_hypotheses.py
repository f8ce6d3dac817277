"""Level sets of a probability give it back; views are undone."""

import numpy as np
import pytest
from seq_amodal_ros.hypotheses import level_sets, mirrored
from seq_amodal_ros.scene import likelihood
from seq_amodal_ros.sequential import middle_mask, representative
import torch


@pytest.fixture
def mean():
    """Return two probabilities, from 0 to 1 across the square."""
    ramp = np.linspace(0, 1, 64, dtype=np.float32)
    return np.stack([np.tile(ramp, (64, 1)), np.tile(ramp[:, None], (1, 64))])


@pytest.mark.parametrize('k', [1, 2, 3, 4, 9])
def test_the_likelihood_of_the_hypotheses_is_the_probability(mean, k):
    for probability, hypotheses in zip(mean, level_sets(mean, k, 1.0)):
        error = likelihood(hypotheses > 0.5) - probability
        parts = 0.5 if k % 2 else 1  # an even K moves a level by half a part, to 1/2
        assert np.abs(error).max() <= parts / (k + 1) + 1e-6


@pytest.mark.parametrize('k', [1, 2, 3, 4, 9, 64])
@pytest.mark.parametrize('temperature', [0.5, 1.0, 2.0])
@pytest.mark.parametrize('offset', [-1.0, 0.0, 1.0])
def test_a_layer_keeps_what_is_likelier_than_not(mean, k, temperature, offset):
    for most in (1, 0.9, 0.6):  # of which no pixel is in the upper levels
        for probability, hypotheses in zip(most * mean,
                                           level_sets(most * mean, k, temperature, offset)):
            assert np.array_equal(middle_mask(hypotheses) > 0.5, probability > 0.5)


@pytest.mark.parametrize('k', [1, 2, 3, 4, 9, 64])
def test_it_is_what_alg_2_chooses_while_no_level_is_null(mean, k):
    for hypotheses in level_sets(mean, k):
        assert representative(hypotheses > 0.5) == 0


def test_blank_level_sets_keep_nothing():
    assert middle_mask(level_sets(np.full((1, 4, 4), 0.4, np.float32), 9)[0]) is None


def test_the_temperature_divides_the_logit(mean):
    logit = np.log(0.8 / 0.2)
    at_limit = 1 / (1 + np.exp(-logit / 2))  # what 0.8 becomes at temperature 2
    hypotheses = level_sets(np.full((1, 2, 2), 0.8, np.float32), 99, 2.0)
    assert np.abs(likelihood(hypotheses[0] > 0.5) - at_limit).max() <= 0.5 / 100 + 1e-6


def test_the_offset_raises_the_logit(mean):
    raised = 1 / (1 + np.exp(-(np.log(0.8 / 0.2) + 0.7)))
    hypotheses = level_sets(np.full((1, 2, 2), 0.8, np.float32), 99, 1.0, 0.7)
    assert np.abs(likelihood(hypotheses[0] > 0.5) - raised).max() <= 0.5 / 100 + 1e-6


def test_the_logit_is_divided_before_it_is_raised():
    said = 1 / (1 + np.exp(-(np.log(0.9 / 0.1) / 0.7 - 0.33)))
    hypotheses = level_sets(np.full((1, 2, 2), 0.9, np.float32), 99, 0.7, -0.33)
    assert np.abs(likelihood(hypotheses[0] > 0.5) - said).max() <= 0.5 / 100 + 1e-6


def test_all_are_blank_where_a_blank_mask_is_the_likeliest(mean):
    first, second = level_sets(np.stack([mean[0] * 0.5, mean[1]]), 5, 1.0)
    assert not first.any()
    assert second.any()


def test_each_draw_sees_another_view_and_answers_upright():
    batch = torch.arange(5 * 6.0).reshape(5, 1, 2, 3)
    seen = mirrored(batch, 5)
    assert torch.equal(seen[0], batch[0])
    assert torch.equal(seen[1], batch[1].flip(2))
    assert torch.equal(seen[2], batch[2].flip(1))
    assert torch.equal(seen[3], batch[3].flip(1, 2))
    assert torch.equal(seen[4], batch[4])
    assert torch.equal(mirrored(seen, 5), batch)
