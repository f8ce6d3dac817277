"""
The training objective: a mean squared error, and the bound that teaches the variance.

Only the mask is noised (Eq. 8); image and cumulative mask enter clean.
"""

import math

from seq_amodal_ros.diffusion.schedules import add_noise, posterior_variance
import torch
from torch import nn, Tensor
from training.paper.batches import Batch
from training.paper.config import PaperConfig

BIN = 1 / 255  # half a grey level of values in -1 to 1: the likelihood of an 8-bit picture


def loss_of(model: nn.Module, batch: Batch, alpha_bar: Tensor, config: PaperConfig,
            generator: torch.Generator) -> Tensor:
    """
    Return the loss of a batch at times drawn evenly: |eps - eps_theta|^2 + vlb_weight L_vlb.

    Where the network predicts the velocity sqrt(ab) eps - sqrt(1 - ab) M (Salimans and Ho 2022),
    that stands in for eps. alpha_bar float64 [T] on the batch's device. The bound's mean is held
    fixed, so that it moves the variance alone (Nichol and Dhariwal 2021, Eq. 16); at T = 1000
    their lambda is 1 here.
    """
    low, high = config.mask_values
    x0 = batch.target * (high - low) + low
    index = torch.randint(len(alpha_bar), (len(x0),), generator=generator, device=x0.device)
    noise = torch.randn(x0.shape, generator=generator, device=x0.device)
    x_t = add_noise(x0, noise, alpha_bar[index])
    time = (index + 1).float() / len(alpha_bar)
    answer = model(batch.image, batch.cumulative, x_t, time).float()
    level = alpha_bar[index].float().reshape(-1, 1, 1, 1)
    rotates = config.predicts == 'velocity'
    target = level.sqrt() * noise - (1 - level).sqrt() * x0 if rotates else noise
    loss = (answer[:, :1] - target).square().mean()
    if config.vlb_weight:
        mean = answer[:, :1].detach()
        eps = level.sqrt() * mean + (1 - level).sqrt() * x_t if rotates else mean
        bound = bound_terms(eps, (answer[:, 1:] + 1) / 2, x0, x_t, index, alpha_bar)
        loss = loss + config.vlb_weight * len(alpha_bar) / 1000 * bound.mean()
    return loss


def bound_terms(noise: Tensor, variance: Tensor, x0: Tensor, x_t: Tensor, index: Tensor,
                alpha_bar: Tensor) -> Tensor:
    """
    Return each sample's term of the variational bound at its time, bits a pixel, float [B].

    The divergence of the model's step from the true posterior (Ho et al. 2020, Eq. 5); at index 0
    the negative log-likelihood of x0. noise and variance (v, 0 to 1) [B, 1, S, S]; index int64 [B].
    """
    def level(values: Tensor) -> Tensor:
        return values[index].reshape(-1, 1, 1, 1)

    before = torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]])
    alpha, posterior = alpha_bar / before, posterior_variance(alpha_bar)
    to_x0 = level((before.sqrt() * (1 - alpha)) / (1 - alpha_bar))
    to_x_t = level(alpha.sqrt() * (1 - before) / (1 - alpha_bar))
    estimate = (x_t - level((1 - alpha_bar).sqrt()) * noise) / level(alpha_bar.sqrt())
    true_mean, mean = to_x0 * x0 + to_x_t * x_t, to_x0 * estimate + to_x_t * x_t
    true_log, beta_log = level(posterior.log()), level((1 - alpha).log())
    log_variance = variance * beta_log + (1 - variance) * true_log
    divergence = 0.5 * (log_variance - true_log - 1 + (true_log - log_variance).exp()
                        + (true_mean - mean).square() * (-log_variance).exp())
    likelihood = -discretised_log_likelihood(x0, mean, 0.5 * log_variance)
    terms = torch.where((index == 0).reshape(-1, 1, 1, 1), likelihood, divergence)
    return terms.mean(dim=(1, 2, 3)) / math.log(2)


def discretised_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """
    Return the log-probability of 8-bit values under a Gaussian (Ho et al. 2020, Eq. 13).

    The outermost bins reach to infinity.
    """
    normal = torch.distributions.Normal(torch.zeros_like(mean), 1)
    upper = normal.cdf((x + BIN - mean) * (-log_scale).exp())
    lower = normal.cdf((x - BIN - mean) * (-log_scale).exp())
    mass = torch.where(x <= -1 + BIN, upper, torch.where(x >= 1 - BIN, 1 - lower, upper - lower))
    return mass.clamp(min=1e-12).log()
