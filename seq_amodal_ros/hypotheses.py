"""How the hypotheses of a network that predicts the mask itself come to differ."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
import torch
from torch import Tensor

# Draw k sees the image and answers mirrored along VIEWS[k % 4], dimensions of [B, 1, H, W]: what
# hangs on the view is not known, so the draws differ there and their mean is a better one.
VIEWS: tuple[tuple[int, ...], ...] = ((), (3,), (2,), (2, 3))


def mirrored(batch: Tensor, k: int, views: Sequence[tuple[int, ...]] = VIEWS) -> Tensor:
    """
    Return [n k, C, H, W], n images of k draws, each in its draw's view.

    Twice gives it back.
    """
    return torch.stack([entry.flip([d - 1 for d in views[i % k % len(views)]])
                        for i, entry in enumerate(batch)])


def level_sets(mean: NDArray[np.float32], k: int, temperature: float = 1.0, offset: float = 0.0,
               ) -> NDArray[np.float32]:
    """
    Return K nested hypotheses, float32 [n, K, S, S] in 0 to 1, of mean masks [n, S, S] in 0 to 1.

    One step from pure noise gives E[M], the probability of each pixel, and no sample. Hypothesis
    i, counted from 1, holds the pixels above i / (K + 1): the K masks cut the probability into
    K + 1 equal parts, whose middles `scene.likelihood` gives back.
    The middle one comes first, and is what a layer keeps (sequential.middle_mask); of an even K
    the lower of the two in the middle moves up to 1/2. Where no pixel is likelier set than not,
    all are blank. The probability is calibrated before it is compared with the levels: its logit
    is divided by `temperature` and raised by `offset` (Platt 1999). What is likelier set than not
    stays so, and with it the middle hypothesis.
    """
    level = np.arange(1, k + 1) / (k + 1)
    level = level[np.argsort(np.abs(level - 0.5).round(6), kind='stable')]
    level[0] = 0.5
    logit = temperature * (np.log(level / (1 - level)) - offset)  # the levels', not the pixels'
    raw = 1 / (1 + np.exp(-logit))
    raw = np.select([level < 0.5, level > 0.5], [raw.clip(max=0.5), raw.clip(min=0.5)], 0.5)
    likely = (mean > 0.5).any(axis=(1, 2)).reshape(-1, 1, 1, 1)
    above = mean[:, None] + (0.5 - raw.reshape(1, -1, 1, 1))
    return (np.clip(above, 0, 1) * likely).astype(np.float32)
