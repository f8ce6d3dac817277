"""
Samplers: from Gaussian noise to masks. Free functions of one signature.

    sampler(predict, noise, alpha_bar, steps, generator) -> x0 [B, 1, height, width]

`predict(x_t, t, x0_before)` returns the denoiser's estimate of the clean mask x0 given the noisy
mask x_t [B, 1, height, width], the time index t (int) and its own last estimate (zeros at first).
A network that predicts the noise instead is turned into such a function by `x0_from_noise`.
"""

from collections.abc import Callable

from seq_amodal_ros.diffusion.schedules import trailing
import torch
from torch import Tensor

Predict = Callable[[Tensor, int, Tensor], Tensor]
Sampler = Callable[[Predict, Tensor, Tensor, int, 'torch.Generator | None'], Tensor]


def x0_from_noise(x_t: Tensor, noise: Tensor, alpha_bar: float) -> Tensor:
    """Return the clean mask that, noised by `noise` to level alpha_bar, gives x_t (Eq. 8)."""
    return (x_t - (1 - alpha_bar) ** 0.5 * noise) / alpha_bar ** 0.5


def noise_from_x0(x_t: Tensor, x0: Tensor, alpha_bar: float) -> Tensor:
    """Return the noise that turns x0 into x_t at level alpha_bar (Eq. 8)."""
    return (x_t - alpha_bar ** 0.5 * x0) / (1 - alpha_bar) ** 0.5


def ancestral_step(x_t: Tensor, noise: Tensor, alpha_bar: Tensor, t: int, fresh: Tensor) -> Tensor:
    """
    One step of Eq. 9, from time index t to t - 1, given the predicted noise.

    1 / sqrt(alpha_t) (x_t - (1 - alpha_t) / sqrt(1 - alpha_bar_t) eps) + sigma_t z.
    The first factor is Eq. 6's 1 / sqrt(alpha_t); the bar over it in the paper is a misprint.
    sigma_t is the posterior's (Ho et al. 2020, Eq. 7); `fresh` is z, ignored at t = 0.
    """
    level = float(alpha_bar[t])
    before = float(alpha_bar[t - 1]) if t else 1.0
    alpha = level / before
    mean = (x_t - (1 - alpha) / (1 - level) ** 0.5 * noise) / alpha ** 0.5
    sigma = ((1 - before) / (1 - level) * (1 - alpha)) ** 0.5
    return mean + sigma * fresh


def ancestral(predict: Predict, noise: Tensor, alpha_bar: Tensor, steps: int,
              generator: torch.Generator | None = None) -> Tensor:
    """
    Sample as the paper does: Eq. 9 at every time index; `steps` must be all of them.

    Raises ValueError for fewer steps: take `ddim` for those.
    """
    if steps != len(alpha_bar):
        raise ValueError(f'the ancestral sampler walks all {len(alpha_bar)} steps, not {steps}; '
                         'use the ddim sampler for fewer')
    x_t, x0 = noise, torch.zeros_like(noise)
    for t in reversed(range(steps)):
        x0 = predict(x_t, t, x0)
        fresh = torch.randn(x_t.shape, generator=generator, device=x_t.device, dtype=x_t.dtype)
        x_t = ancestral_step(x_t, noise_from_x0(x_t, x0, float(alpha_bar[t])), alpha_bar, t, fresh)
    return x_t


def ddim(predict: Predict, noise: Tensor, alpha_bar: Tensor, steps: int,
         generator: torch.Generator | None = None) -> Tensor:
    """
    Sample deterministically in few steps (Song et al. 2021, Eq. 12 with sigma = 0).

    Time indices are spaced `trailing`. The answer depends on `noise` alone; `generator` is unused.
    """
    x_t, x0 = noise, torch.zeros_like(noise)
    times = trailing(len(alpha_bar), steps)
    for t, following in zip(times, [*times[1:], -1]):
        x0 = predict(x_t, t, x0)
        if following >= 0:
            eps = noise_from_x0(x_t, x0, float(alpha_bar[t]))
            level = float(alpha_bar[following])
            x_t = level ** 0.5 * x0 + (1 - level) ** 0.5 * eps
    return x0


SAMPLERS: dict[str, Sampler] = {'ancestral': ancestral, 'ddim': ddim}
