"""
Noise schedules: how much of the mask is left after t steps of noising.

A schedule is the tensor alpha_bar [T], float64 on the CPU: alpha_bar[t] is the share of signal
variance after step t, t = 0 .. T - 1, falling. Step t of the paper is index t - 1 here.
"""

from collections.abc import Callable
import math

import torch
from torch import Tensor

STEPS = 1000  # T


def linear(steps: int = STEPS) -> Tensor:
    """Return the alpha_bar of betas that rise linearly (Ho et al. 2020; the paper's choice)."""
    betas = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64)
    return torch.cumprod(1 - betas, dim=0)


def cosine(steps: int = STEPS) -> Tensor:
    """
    Return alpha_bar, float [steps], a squared cosine: Nichol and Dhariwal (2021), Eq. 17.

    Its last value is practically zero, so sampling may start from pure noise in few steps.
    """
    offset = 0.008
    time = (torch.arange(steps + 1, dtype=torch.float64) / steps + offset) / (1 + offset)
    level = torch.cos(time * math.pi / 2) ** 2
    betas = (1 - level[1:] / level[:-1]).clamp(max=0.999)
    return torch.cumprod(1 - betas, dim=0)


def flow(steps: int = STEPS) -> Tensor:
    """
    Return the alpha_bar under which `ddim` is Euler's method on a rectified flow's straight path.

    That path is (1 - s) M + s eps (Liu et al. 2023). Divided by its deviation it is Eq. 8 with
    alpha_bar = (1 - s)^2 / ((1 - s)^2 + s^2). The last s is short of 1, so that it stays above 0.
    """
    s = (torch.arange(steps, dtype=torch.float64) + 1) / (steps + 0.5)
    return (1 - s) ** 2 / ((1 - s) ** 2 + s ** 2)


SCHEDULES: dict[str, Callable[..., Tensor]] = {'linear': linear, 'cosine': cosine, 'flow': flow}


def posterior_variance(alpha_bar: Tensor) -> Tensor:
    """
    Return the variance of x_{t-1} given x_t and x_0, [T] (Ho et al. 2020, Eq. 7).

    At t = 0 it is 0; there stands that of t = 1, so that it has a logarithm (Nichol and Dhariwal).
    """
    before = torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]])
    variance = (1 - before) / (1 - alpha_bar) * (1 - alpha_bar / before)
    variance[0] = variance[1]
    return variance


def add_noise(mask: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """
    Noise the mask alone (paper Eq. 8): sqrt(ab) M + sqrt(1 - ab) eps.

    mask, noise [B, 1, height, width]; alpha_bar [B] or a scalar, one level for each sample.
    Image and cumulative mask are never noised.
    """
    level = alpha_bar.to(mask.dtype).reshape(-1, 1, 1, 1)
    return level.sqrt() * mask + (1 - level).sqrt() * noise


def trailing(total: int, steps: int) -> list[int]:
    """
    Return `steps` time indices out of `total`, falling, the first always total - 1.

    The spacing that starts at pure noise (Lin et al. 2024, Tab. 2). Raises ValueError unless
    1 <= steps <= total.
    """
    if not 1 <= steps <= total:
        raise ValueError(f'steps must lie in 1 to {total}, got {steps}')
    return [round(total * (steps - i) / steps) - 1 for i in range(steps)]
