"""
Muon (Jordan et al. 2024): steps whose matrices are made orthogonal, so every direction learns.

torch.optim.Muon takes no filters, and orthogonalises in bfloat16, which is slow on a CPU without.
"""

from collections.abc import Callable
import math
from typing import Any

import torch
from torch import nn, Tensor

# Jordan's quintic: five of them bring singular values of 0.01 to 1 to between 0.68 and 1.14.
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
LEAST = 16  # rows and columns; what is narrower is AdamW's
ADAM_SIZE = 0.2  # root mean square of AdamW's steps, in learning rates (Liu et al. 2025)


class Muon(torch.optim.AdamW):
    """Muon for the parameters of groups with `orthogonal`, AdamW for all others."""

    param_groups: list[dict[str, Any]]

    def __init__(self, groups: list[dict[str, Any]], weight_decay: float,
                 betas: tuple[float, float]) -> None:
        """Take groups with `params`, `lr` and `orthogonal`; decay is of both kinds."""
        super().__init__(groups, weight_decay=weight_decay, betas=betas)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take a step; parameters without gradient stay."""
        groups = self.param_groups
        try:
            self.param_groups = [group for group in groups if not group['orthogonal']]
            loss = super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            for parameter in group['params'] if group['orthogonal'] else ():
                if parameter.grad is not None:
                    self._turn(parameter, group['lr'], group['weight_decay'])
        return loss

    def _turn(self, parameter: Tensor, rate: float, decay: float) -> None:
        state = self.state[parameter]
        if not state:  # AdamW's loading asks for a step in every state
            state.update(step=torch.zeros(()), momentum=torch.zeros_like(parameter))
        momentum = state['momentum']
        momentum.lerp_(parameter.grad, 1 - MOMENTUM)
        ahead = parameter.grad.lerp(momentum, MOMENTUM)  # Nesterov's
        matrix = ahead.flatten(1)
        size = ADAM_SIZE * math.sqrt(max(matrix.shape))
        parameter.mul_(1 - rate * decay)
        parameter.add_(orthogonal(matrix).view_as(ahead), alpha=-rate * size)


def orthogonal(matrix: Tensor) -> Tensor:
    """
    Return about U V^T of a matrix U S V^T, float [m, n], by Newton-Schulz iterations.

    Its singular values lie near 1, but those that are nothing beside the rest: they stay so.
    """
    a, b, c = QUINTIC
    x = matrix.float()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


def is_matrix(parameter: nn.Parameter) -> bool:
    """Return whether a parameter is a matrix, or filters over several channels, not too narrow."""
    return parameter.ndim > 1 and parameter.shape[1] > 1 \
        and min(len(parameter), parameter[0].numel()) >= LEAST
