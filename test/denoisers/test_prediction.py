"""What networks put out becomes a clean mask, whatever they predict."""

import pytest
from seq_amodal_ros.denoisers.prediction import predictor
from seq_amodal_ros.diffusion.samplers import dpm
from seq_amodal_ros.diffusion.schedules import add_noise, cosine, linear
import torch

MASK = torch.zeros(1, 1, 4, 4)
MASK[..., 1:3, 1:3] = 1


class Knows:
    """A network that knows the mask and answers with its logit, its noise or its velocity."""

    def __init__(self, predicts, mask_values, variance=None):
        self.predicts, self.low, self.high = predicts, *mask_values
        self.alpha_bar, self.variance, self.seen = linear(), variance, []

    def denoise(self, features, cumulative, x_t, t, before):
        self.seen.append((round(float(t[0]) * 1000), before.clone()))
        if self.predicts == 'logit':
            return (MASK * 2 - 1) * 20
        level = float(self.alpha_bar[round(float(t[0]) * 1000) - 1])
        x0 = MASK * (self.high - self.low) + self.low
        noise = (x_t - level ** 0.5 * x0) / (1 - level) ** 0.5
        velocity = level ** 0.5 * noise - (1 - level) ** 0.5 * x0
        answer = noise if self.predicts == 'noise' else velocity
        return answer if self.variance is None else torch.cat([answer, self.variance], dim=1)


@pytest.mark.parametrize('predicts', ['logit', 'noise', 'velocity'])
@pytest.mark.parametrize('values', [(-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0)])
def test_the_clean_mask_comes_out_in_its_own_values(predicts, values):
    low, high = values
    x0 = MASK * (high - low) + low
    x_t = add_noise(x0, torch.randn(1, 1, 4, 4), linear()[500])
    estimate = predictor(Knows(predicts, values), (), MASK, linear(), values)(
        x_t, 500, torch.zeros_like(x_t))
    assert torch.allclose(estimate.x0, x0, atol=1e-3)
    assert estimate.variance is None


def test_the_learned_variance_is_brought_to_0_to_1():
    answer = torch.tensor([-1.0, 1.0]).repeat(8).reshape(1, 1, 4, 4)
    estimate = predictor(Knows('noise', (-1, 1), answer), (), MASK, linear(), (-1, 1))(
        torch.randn(1, 1, 4, 4), 3, MASK)
    assert estimate.variance.unique().tolist() == [0, 1]


def test_a_wild_prediction_stays_within_the_masks_values():
    model = Knows('noise', (-1, 1))
    model.denoise = lambda features, cumulative, x_t, t, before: torch.full_like(x_t, 50)
    estimate = predictor(model, (), MASK, linear(), (-1, 1))(MASK, 999, MASK)
    assert estimate.x0.abs().max() <= 1


def test_the_network_sees_time_and_its_last_estimate_between_minus_1_and_1():
    model = Knows('logit', (-0.5, 0.5))
    dpm(predictor(model, (), MASK, cosine(), (-0.5, 0.5)), torch.randn(1, 1, 4, 4), cosine(), 2)
    (first, nothing), (second, before) = model.seen
    assert (first, second) == (1000, 500)
    assert not nothing.any()
    assert torch.allclose(before, MASK * 2 - 1, atol=1e-3)
