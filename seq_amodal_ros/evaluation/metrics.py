"""Intersection over union and average precision, of layers (paper Sec. 5) and of objects."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.evaluation.sample import Truth
from seq_amodal_ros.scene import Mask

PART = 1 << 16  # pixels that are compared at a time


def iou(predicted: Mask, true: Mask) -> float:
    """Return intersection over union, 0 to 1; two empty masks agree: 1."""
    union = int(np.count_nonzero(predicted | true))
    return int(np.count_nonzero(predicted & true)) / union if union else 1.0


def average_precision(predicted: Mask, true: Mask) -> float:
    """
    Return the pixel-wise average precision of a binary mask, 0 to 1.

    precision * recall + (1 - recall) * prevalence: what scikit-learn's average_precision_score
    gives for scores of 0 and 1. Of an empty truth it is 0, as there.
    """
    return _average_precision(int(np.count_nonzero(predicted & true)),
                              int(np.count_nonzero(predicted)),
                              int(np.count_nonzero(true)), true.size)


def _average_precision(both: int, predicted: int, true: int, size: int) -> float:
    if not true:
        return 0.0
    precision, recall = both / predicted if predicted else 0.0, both / true
    return precision * recall + (1 - recall) * true / size


@dataclass
class LayerScore:
    """
    Sums for one layer over a set of images; three ways to reduce them.

    mean    over the images that hold the layer (the main figure)
    zeroed  over all images, those without the layer scored 0
    pooled  of all pixels of all images as if they were one
    """

    images: int = 0
    iou_sum: float = 0.0
    ap_sum: float = 0.0
    both: int = 0
    predicted: int = 0
    true: int = 0

    def add(self, predicted: Mask, true: Mask) -> None:
        """Count one image; one whose truth lacks the layer counts for the pooled figure alone."""
        self.both += int(np.count_nonzero(predicted & true))
        self.predicted += int(np.count_nonzero(predicted))
        self.true += int(np.count_nonzero(true))
        if true.any():
            self.images += 1
            self.iou_sum += iou(predicted, true)
            self.ap_sum += average_precision(predicted, true)

    def result(self, all_images: int, all_pixels: int) -> dict[str, float | int]:
        """
        Return the figures in percent, and the number of images that hold the layer.

        Those of the whole set count its images and their pixels, whether they were added or not.
        """
        union = self.predicted + self.true - self.both
        pooled_ap = _average_precision(self.both, self.predicted, self.true, all_pixels)
        return {
            'iou': 100 * self.iou_sum / max(1, self.images),
            'ap': 100 * self.ap_sum / max(1, self.images),
            'images': self.images,
            'iou_zeroed': 100 * self.iou_sum / max(1, all_images),
            'ap_zeroed': 100 * self.ap_sum / max(1, all_images),
            'iou_pooled': 100 * self.both / union if union else 0.0,
            'ap_pooled': 100 * pooled_ap,
        }


def match(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> list[tuple[int, int, float]]:
    """
    Return pairs (predicted, true, IOU) of masks [N, height, width], the best pairs first.

    Greedy, each mask once, whatever its layer; pairs that do not overlap are left out.
    """
    if not len(predicted) or not len(true):
        return []
    both = _shared(predicted, true)
    areas = (np.count_nonzero(masks, axis=(1, 2)) for masks in (predicted, true))
    scores = both / np.maximum(np.add.outer(*areas) - both, 1)
    pairs: list[tuple[int, int, float]] = []
    for flat in np.argsort(-scores, axis=None, kind='stable'):
        i, j = np.unravel_index(flat, scores.shape)
        if scores[i, j] <= 0:
            break
        if all(i != p and j != t for p, t, _ in pairs):
            pairs.append((int(i), int(j), float(scores[i, j])))
    return pairs


def _shared(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how many pixels each mask of a shares with each of b, [len(a), len(b)]."""
    both = np.zeros((len(a), len(b)))
    flat_a, flat_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    for start in range(0, flat_a.shape[1], PART):  # numbers take four times a mask's memory
        part = slice(start, start + PART)
        both += flat_a[:, part].astype(np.float32) @ flat_b[:, part].T.astype(np.float32)
    return both


@dataclass
class ObjectScore:
    """
    Sums over objects matched by IOU, whatever their layer (the paper's 'w/o layer').

    pairs    objects found of which one lies on the other (Eq. 1)
    ordered  those of them whose layers say which is above
    """

    true: int = 0
    predicted: int = 0
    iou_sum: float = 0.0
    found: int = 0
    right_layer: int = 0
    pairs: int = 0
    ordered: int = 0
    threshold: float = field(default=0.5, repr=False)

    def add(self, predicted: NDArray[np.bool_], predicted_layers: NDArray[np.int64],
            truth: Truth) -> list[tuple[int, int]]:
        """Count one image's objects, masks [N, height, width]; return those found, as `match`."""
        self.true += len(truth.masks)
        self.predicted += len(predicted)
        found = []
        for i, j, score in match(predicted, truth.masks):
            self.iou_sum += score
            if score >= self.threshold:
                found.append((i, j))
        self.found += len(found)
        self.right_layer += sum(int(predicted_layers[i] == truth.layers[j]) for i, j in found)
        for n, (i, j) in enumerate(found):
            for k, m in found[:n]:
                deeper = int(truth.occluded[j, m]) - int(truth.occluded[m, j])
                if deeper:
                    self.pairs += 1
                    self.ordered += int((predicted_layers[i] - predicted_layers[k]) * deeper > 0)
        return found

    def result(self) -> dict[str, float | int | None]:
        """Return the figures in percent, a missed object as IOU 0; None where there is none."""
        return {
            'iou': 100 * self.iou_sum / max(1, self.true),
            'recall': 100 * self.found / max(1, self.true),
            'precision': 100 * self.found / max(1, self.predicted),
            'right_layer': 100 * self.right_layer / self.found if self.found else None,
            'ordered': 100 * self.ordered / self.pairs if self.pairs else None,
            'pairs': self.pairs,
            'true': self.true, 'predicted': self.predicted,
        }
