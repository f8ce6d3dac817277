"""From what a network puts out to the samplers' one question: which clean mask is under x_t."""

from typing import Literal, Protocol

from seq_amodal_ros.diffusion.samplers import Estimate, Predict, x0_from_noise, x0_from_velocity
import torch
from torch import Tensor

Predicts = Literal['logit', 'noise', 'velocity']


class Denoiser(Protocol):
    """
    What `predictor` asks of a network.

    predicts  'logit': the logit of the clean mask; 'noise' or 'velocity': that of x_t, and the
              variance's v as a second channel where it was learned
    """

    @property
    def predicts(self) -> Predicts:
        """Return what `denoise` puts out."""

    def denoise(self, features: tuple[Tensor, ...], cumulative: Tensor, x_t: Tensor, t: Tensor,
                before: Tensor) -> Tensor:
        """Return the prediction for masks x_t [B, 1, S, S] at one time t [1], (index + 1) / T."""


def predictor(model: Denoiser, features: tuple[Tensor, ...], cumulative: Tensor,
              alpha_bar: Tensor, mask_values: tuple[float, float]) -> Predict:
    """
    Return the samplers' `predict` of a network for given features and cumulative masks.

    cumulative float [B, 1, S, S], 0 or 1. The clean mask stays within `mask_values`.
    """
    low, high = mask_values
    middle, half = (low + high) / 2, (high - low) / 2

    def predict(x_t: Tensor, t: int, before: Tensor) -> Estimate:
        time = torch.full((1,), (t + 1) / len(alpha_bar), device=x_t.device)
        answer = model.denoise(features, cumulative, x_t, time, (before - middle) / half).float()
        if model.predicts == 'logit':
            return Estimate((answer.sigmoid() * 2 - 1) * half + middle)
        clean = x0_from_noise if model.predicts == 'noise' else x0_from_velocity
        x0 = clean(x_t, answer[:, :1], float(alpha_bar[t])).clamp(low, high)
        return Estimate(x0, (answer[:, 1:] + 1) / 2 if answer.shape[1] == 2 else None)

    return predict
