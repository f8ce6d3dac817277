"""The loss against the definitions it is made of."""

from dataclasses import replace
import math

import pytest
from seq_amodal_ros.diffusion.schedules import add_noise, linear
import torch
from torch.distributions import kl_divergence, Normal
from training.paper.batches import Batch
from training.paper.config import read_preset
from training.paper.objective import bound_terms, discretised_log_likelihood, loss_of

T = 1000
PAPER, VELOCITY = read_preset('paper'), replace(read_preset('paper'), predicts='velocity')


def batch():
    """Return four samples, masks half set."""
    target = torch.zeros(4, 1, 8, 8)
    target[..., 4:] = 1
    return Batch(torch.rand(4, 3, 8, 8), torch.zeros(4, 1, 8, 8), target)


@pytest.mark.parametrize('config', [PAPER, VELOCITY])
def test_a_network_that_knows_the_mask_has_no_loss(config):
    given, alpha_bar = batch(), linear()

    def knows(image, cumulative, x_t, t):
        level = alpha_bar[(t * T - 1).round().long()].reshape(-1, 1, 1, 1)
        x0 = given.target * 2 - 1
        noise = (x_t - level.sqrt() * x0) / (1 - level).sqrt()
        # The velocity is the slope of x_t by the angle whose cosine is the mask's share.
        return noise if config is PAPER else level.sqrt() * noise - (1 - level).sqrt() * x0

    assert loss_of(knows, given, alpha_bar, config, torch.Generator()) < 1e-6


def test_a_network_that_says_nothing_has_the_noises_variance():
    given = batch()
    losses = [float(loss_of(lambda image, cumulative, x_t, t: torch.zeros_like(x_t), given,
                            linear(), PAPER, torch.Generator().manual_seed(i)))
              for i in range(20)]
    assert abs(sum(losses) / 20 - 1) < 0.1


def test_the_bound_is_the_divergence_of_two_gaussians():
    # The posterior from Bayes' rule by numbers, not from the closed form that the code uses.
    alpha_bar, index = linear(), torch.tensor([300])
    x0, noise, guess = (torch.randn(1, 1, 2, 2).double() for _ in range(3))
    x_t = add_noise(x0, noise, alpha_bar[index])
    before, level = float(alpha_bar[299]), float(alpha_bar[300])
    alpha = level / before

    def posterior(clean):
        precision = alpha / (1 - alpha) + 1 / (1 - before)
        mean = (alpha ** 0.5 / (1 - alpha) * x_t + before ** 0.5 / (1 - before) * clean) / precision
        return mean, precision ** -0.5

    estimate = (x_t - (1 - level) ** 0.5 * guess) / level ** 0.5
    true, (mean, _) = Normal(*posterior(x0)), posterior(estimate)
    model = Normal(mean, (1 - alpha) ** 0.5)  # v = 1: beta
    expected = kl_divergence(true, model).mean() / math.log(2)
    ours = bound_terms(guess, torch.ones_like(guess), x0, x_t, index, alpha_bar)
    assert torch.allclose(ours, expected, rtol=1e-5)


def test_at_the_last_step_the_bound_is_a_likelihood_of_grey_levels():
    levels = torch.linspace(-1, 1, 256)
    mass = discretised_log_likelihood(levels, torch.tensor(0.1), torch.tensor(-1.0)).exp()
    assert abs(float(mass.sum()) - 1) < 1e-4


def test_the_bound_teaches_the_variance_alone():
    noise = torch.zeros(4, 1, 8, 8, requires_grad=True)
    v = torch.zeros(4, 1, 8, 8, requires_grad=True)
    seen = []
    for weight in (0.0, 1.0):
        answer = torch.cat([noise, v], dim=1)
        config = replace(read_preset('sas'), vlb_weight=weight, learned_variance=weight > 0)
        loss = loss_of(lambda image, cumulative, x_t, t, answer=answer: answer, batch(), linear(),
                       config, torch.Generator().manual_seed(0))
        seen.append(torch.autograd.grad(loss, [noise, v], allow_unused=True))
    (without, nothing), (beside, taught) = seen
    assert torch.equal(without, beside)
    assert nothing is None or not nothing.any()
    assert taught.abs().sum() > 0


@pytest.mark.parametrize('steps', [1000, 250])
def test_the_bound_weighs_as_the_settings_say_and_less_in_fewer_steps(steps):
    given, answer = batch(), torch.zeros(4, 2, 8, 8)
    losses = [loss_of(lambda image, cumulative, x_t, t: answer, given, linear(steps),
                      replace(read_preset('sas'), vlb_weight=weight, learned_variance=weight > 0),
                      torch.Generator().manual_seed(0)).item() for weight in (0.0, 1.0, 3.0)]
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-3)
    index = torch.randint(steps, (4,), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    torch.randint(steps, (4,), generator=generator)
    x0 = given.target
    x_t = add_noise(x0, torch.randn(x0.shape, generator=generator), linear(steps)[index])
    bound = bound_terms(answer[:, :1], torch.full_like(x0, 0.5), x0, x_t, index, linear(steps))
    assert losses[1] - losses[0] == pytest.approx(steps / 1000 * bound.mean().item(), rel=1e-3)
