"""Predicted layers against the truth, on the network's grid: what the paper's tables print."""

from collections.abc import Iterable, Sequence

import numpy as np
from seq_amodal_ros.evaluation.metrics import average_precision, LayerScore, match
from seq_amodal_ros.objects import scene_from_layers
from seq_amodal_ros.sequential import Layer
from training.paper.experiments.data import TestImage


def layer_scores(truth: Sequence[TestImage], predicted: Sequence[Sequence[Layer]],
                 ) -> list[dict[str, float | int]]:
    """Return IOU and AP of each layer that the truth holds, in percent, all three reductions."""
    scores: dict[int, LayerScore] = {}
    for image, layers in zip(truth, predicted):
        blank = np.zeros(image.image.shape[:2], bool)
        for number in range(1, max(len(layers), *image.layers, 0) + 1):
            mask = layers[number - 1].mask if number <= len(layers) else blank
            scores.setdefault(number, LayerScore()).add(mask, image.layer(number))
    pixels = sum(image.image[..., 0].size for image in truth)
    return [{'layer': number, **score.result(len(truth), pixels)}
            for number, score in sorted(scores.items()) if score.images]


def with_layer(scores: Iterable[dict[str, float | int]]) -> float:
    """Return the AP over all layers of all images, in percent (Tab. 5, w/ layer)."""
    rows = list(scores)
    images = sum(row['images'] for row in rows)
    return sum(row['ap'] * row['images'] for row in rows) / max(1, images)


def without_layer(truth: Sequence[TestImage], predicted: Sequence[Sequence[Layer]],
                  min_area: int) -> float:
    """
    Return the mean AP of the true objects, each with the predicted one it is matched to by IOU.

    In percent, whatever the layer (Tab. 5, w/o layer); an object that was not found has the AP of
    a blank mask, one that has no pixel on the grid is passed over.
    """
    values: list[float] = []
    for image, layers in zip(truth, predicted):
        height, width = image.image.shape[:2]
        scene = scene_from_layers(list(layers), height, width, min_area)
        masks = np.array([item.mask for item in scene.objects], bool).reshape(-1, height, width)
        found = {j: masks[i] for i, j, _ in match(masks, image.masks)}
        blank = np.zeros((height, width), bool)
        values += [average_precision(found.get(j, blank), mask)
                   for j, mask in enumerate(image.masks) if mask.any()]
    return 100 * float(np.mean(values)) if values else 0.0


def diversity(predicted: Sequence[Sequence[Layer]]) -> list[dict[str, float | int]]:
    """Return for each layer the mean of 1 - IOU between its hypotheses, 0 (equal) to 1 (Fig. 4)."""
    apart: dict[int, list[float]] = {}
    for layers in predicted:
        for number, layer in enumerate(layers, start=1):
            masks = (layer.hypotheses > 0.5).reshape(len(layer.hypotheses), -1).astype(np.float32)
            both = masks @ masks.T
            area = masks.sum(axis=1)
            union = area[:, None] + area[None] - both
            distance = np.where(union > 0, 1 - both / np.maximum(union, 1), 0)  # two blanks agree
            upper = np.triu_indices(len(masks), 1)
            apart.setdefault(number, []).extend(distance[upper].tolist())
    return [{'layer': number, 'distance': float(np.mean(values)), 'pairs': len(values)}
            for number, values in sorted(apart.items()) if values]
