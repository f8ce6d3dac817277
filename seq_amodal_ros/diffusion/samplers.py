"""
Samplers: from Gaussian noise to masks. Free functions of one signature.

    sampler(predict, noise, alpha_bar, steps, fresh) -> x0 [B, 1, height, width]

`predict(x_t, t, x0_before)` returns the denoiser's Estimate of the clean mask x0 given the noisy
mask x_t [B, 1, height, width], the time index t (int) and its own last estimate (zeros at first).
`fresh()` returns new Gaussian noise of the same shape; without it, it is drawn by chance.
A network that predicts noise or velocity instead is turned into such a function by
`x0_from_noise` or `x0_from_velocity`.
"""

from collections.abc import Callable
import math
from typing import NamedTuple

from seq_amodal_ros.diffusion.schedules import posterior_variance, trailing
import torch
from torch import Tensor


class Estimate(NamedTuple):
    """
    What a denoiser makes of a noisy mask.

    x0        the clean mask, [B, 1, height, width]
    variance  where the network learned it: v of Nichol and Dhariwal (2021), Eq. 15, 0 (posterior
              variance) to 1 (beta), of the same shape; else None
    """

    x0: Tensor
    variance: Tensor | None = None


Predict = Callable[[Tensor, int, Tensor], Estimate]
Fresh = Callable[[], Tensor]
Sampler = Callable[[Predict, Tensor, Tensor, int, Fresh | None], Tensor]


def x0_from_noise(x_t: Tensor, noise: Tensor, alpha_bar: float) -> Tensor:
    """Return the clean mask that, noised by `noise` to level alpha_bar, gives x_t (Eq. 8)."""
    return (x_t - (1 - alpha_bar) ** 0.5 * noise) / alpha_bar ** 0.5


def x0_from_velocity(x_t: Tensor, velocity: Tensor, alpha_bar: float) -> Tensor:
    """Return the clean mask of a noisy one and its velocity (Salimans and Ho 2022, App. D)."""
    return alpha_bar ** 0.5 * x_t - (1 - alpha_bar) ** 0.5 * velocity


def noise_from_x0(x_t: Tensor, x0: Tensor, alpha_bar: float) -> Tensor:
    """Return the noise that turns x0 into x_t at level alpha_bar (Eq. 8)."""
    return (x_t - alpha_bar ** 0.5 * x0) / (1 - alpha_bar) ** 0.5


def ancestral_step(x_t: Tensor, noise: Tensor, alpha_bar: Tensor, t: int, fresh: Tensor,
                   variance: Tensor | None = None) -> Tensor:
    """
    One step of Eq. 9, from time index t to t - 1, given the predicted noise.

    1 / sqrt(alpha_t) (x_t - (1 - alpha_t) / sqrt(1 - alpha_bar_t) eps) + sigma_t z.
    The first factor is Eq. 6's 1 / sqrt(alpha_t); the bar over it in the paper is a misprint.
    sigma_t is the posterior's (Ho et al. 2020, Eq. 7), or where `variance` is given the learned
    one, between it and beta_t. `fresh` is z, ignored at t = 0.
    """
    level = float(alpha_bar[t])
    alpha = level / (float(alpha_bar[t - 1]) if t else 1.0)
    mean = (x_t - (1 - alpha) / (1 - level) ** 0.5 * noise) / alpha ** 0.5
    if t == 0:
        return mean
    posterior = posterior_variance(alpha_bar)[t]
    if variance is None:
        return mean + float(posterior) ** 0.5 * fresh
    log_variance = variance * math.log(1 - alpha) + (1 - variance) * math.log(posterior)
    return mean + (0.5 * log_variance).exp() * fresh


def ancestral(predict: Predict, noise: Tensor, alpha_bar: Tensor, steps: int,
              fresh: Fresh | None = None) -> Tensor:
    """
    Sample as the paper does: Eq. 9 at every time index; `steps` must be all of them.

    Raises ValueError for fewer steps: take `ddim` or `dpm` for those.
    """
    if steps != len(alpha_bar):
        raise ValueError(f'the ancestral sampler walks all {len(alpha_bar)} steps, not {steps}; '
                         'use the ddim or dpm sampler for fewer')
    x_t, x0 = noise, torch.zeros_like(noise)
    for t in reversed(range(steps)):
        x0, variance = predict(x_t, t, x0)
        eps = noise_from_x0(x_t, x0, float(alpha_bar[t]))
        z = fresh() if fresh is not None else torch.randn_like(x_t)
        x_t = ancestral_step(x_t, eps, alpha_bar, t, z, variance)
    return x_t


def ddim(predict: Predict, noise: Tensor, alpha_bar: Tensor, steps: int,
         fresh: Fresh | None = None) -> Tensor:
    """
    Sample deterministically in few steps (Song et al. 2021, Eq. 12 with sigma = 0).

    Time indices are spaced `trailing`. The answer depends on `noise` alone; `fresh` is unused.
    """
    x_t, x0 = noise, torch.zeros_like(noise)
    times = trailing(len(alpha_bar), steps)
    for t, following in zip(times, [*times[1:], -1]):
        x0 = predict(x_t, t, x0).x0
        if following >= 0:
            eps = noise_from_x0(x_t, x0, float(alpha_bar[t]))
            level = float(alpha_bar[following])
            x_t = level ** 0.5 * x0 + (1 - level) ** 0.5 * eps
    return x0


def dpm(predict: Predict, noise: Tensor, alpha_bar: Tensor, steps: int,
        fresh: Fresh | None = None) -> Tensor:
    """
    Sample deterministically by DPM-Solver++(2M) (Lu et al. 2022, Alg. 2), second order in time.

    Time indices are spaced `trailing`, the last step is of first order. `fresh` is unused.
    """
    x_t, x0 = noise, torch.zeros_like(noise)
    signal, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    half_snr = signal.log() - sigma.log()  # lambda of the paper
    times = trailing(len(alpha_bar), steps)
    before, width = x0, 0.0
    for t, following in zip(times, [*times[1:], -1]):
        before, x0 = x0, predict(x_t, t, x0).x0
        if following >= 0:
            step = float(half_snr[following] - half_snr[t])
            slope = (x0 - before) * (step / (2 * width)) if width else 0.0
            x_t = float(sigma[following] / sigma[t]) * x_t - \
                float(signal[following]) * math.expm1(-step) * (x0 + slope)
            width = step
    return x0


SAMPLERS: dict[str, Sampler] = {'ancestral': ancestral, 'ddim': ddim, 'dpm': dpm}
