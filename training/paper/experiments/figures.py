"""Galleries like Fig. 4 to 8: image, true layers, predicted layers, hypotheses."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.sequential import Layer
from training.paper.experiments.data import TestImage

PANEL, GAP = 128, 4  # pixels: a panel is as large, or a little less; between panels


def gallery(truth: Sequence[TestImage], predicted: Sequence[Sequence[Layer]], columns: int,
            ) -> NDArray[np.uint8]:
    """
    Return one picture, uint8 RGB: for each image its true layers above the predicted ones.

    The shade of a predicted layer is its share of hypotheses; the chosen mask is outlined.
    """
    rows = []
    for image, layers in zip(truth, predicted):
        true = [_panel(image.image, image.layer(i).astype(np.float32), None)
                for i in range(1, columns + 1)]
        found = [_panel(image.image, (layer.hypotheses > 0.5).mean(axis=0), layer.mask)
                 for layer in layers[:columns]]
        blank = np.full_like(true[0], 255)
        found += [blank] * (columns - len(found))
        picture = _panel(image.image, None, None)
        rows += [np.concatenate([picture, *true], axis=1), np.concatenate([blank, *found], axis=1)]
    return np.concatenate(rows)


def _panel(image: NDArray[np.uint8], share: NDArray[np.floating] | None,
           outlined: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    size = max(1, PANEL // image.shape[0]) * image.shape[0]
    panel = cv2.resize(image, (size, size), interpolation=cv2.INTER_NEAREST).astype(np.float32)
    if share is not None:
        shade = cv2.resize(share.astype(np.float32), (size, size),
                           interpolation=cv2.INTER_NEAREST)[..., None]
        panel = panel * 0.35 + shade * np.array([60.0, 150.0, 255.0]) * 0.65
    drawn = panel.clip(0, 255).astype(np.uint8)
    if outlined is not None:
        mask = cv2.resize(outlined.astype(np.uint8), (size, size),
                          interpolation=cv2.INTER_NEAREST)
        lines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, lines, -1, (255, 220, 0), 1)
    return np.pad(drawn, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=255)
