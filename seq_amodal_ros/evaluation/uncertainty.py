"""What hypotheses are worth: best of K, diversity, calibration where the truth is hidden."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.evaluation.metrics import iou
from seq_amodal_ros.scene import bounding_box, likelihood, Mask

BINS = 10


@dataclass
class HypothesisScore:
    """
    Sums over objects that were found, each with its K hypotheses.

    best_iou       IOU of the hypothesis nearest to the truth
    ged            generalised energy distance between hypotheses and truth, with d = 1 - IOU:
                   2 E d(hypothesis, truth) - E d(two hypotheses) (Kohl et al. 2018); 0 is best
    ece, brier     of the hypotheses' likelihood (scene.py) where an object in front hides the
                   pixel, within the box that holds the truth and all hypotheses
    rank           Spearman's correlation of the object's score with its IOU, -1 to 1
    """

    found: int = 0
    best: float = 0.0
    ged: float = 0.0
    count: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    said: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    true: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    squares: float = 0.0
    scores: list[float] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)

    def add(self, mask: Mask, hypotheses: NDArray[np.bool_], score: float, true: Mask,
            hidden: Mask) -> None:
        """
        Count one object: its mask, hypotheses bool [K, height, width] and score, and its truth.

        hidden bool [height, width]: where the truth has other objects in front of it.
        """
        self.found += 1
        self.scores.append(score)
        self.ious.append(iou(mask, true))
        box = bounding_box(true | hypotheses.any(axis=0))
        cut = (slice(None), *box.slices)
        hypotheses, true, hidden = hypotheses[cut], true[cut[1:]], hidden[cut[1:]]
        to_truth = [iou(h, true) for h in hypotheses]
        among = [iou(h, other) for h in hypotheses for other in hypotheses]
        self.best += max(to_truth)
        self.ged += 2 * (1 - float(np.mean(to_truth))) - (1 - float(np.mean(among)))
        self._calibrate(likelihood(hypotheses)[hidden], true[hidden])

    def _calibrate(self, said: NDArray[np.float32], true: NDArray[np.bool_]) -> None:
        bins = np.minimum((said * BINS).astype(int), BINS - 1)
        self.count += np.bincount(bins, minlength=BINS)
        self.said += np.bincount(bins, said, minlength=BINS)
        self.true += np.bincount(bins[true], minlength=BINS)
        self.squares += float(((said - true) ** 2).sum())

    def result(self) -> dict[str, Any]:
        """
        Return the figures: IOU in percent, the others as defined; reliability bin by bin.

        None is what nothing was found for: no object, no hidden pixel, scores that never vary.
        """
        found, pixels = self.found, int(self.count.sum())
        filled = np.flatnonzero(self.count)
        return {
            'best_iou': _share(100 * self.best, found),
            'chosen_iou': _share(100 * sum(self.ious), found), 'ged': _share(self.ged, found),
            'ece': _share(float(np.abs(self.said - self.true).sum()), pixels),
            'brier': _share(self.squares, pixels),
            'rank': rank_correlation(self.scores, self.ious),
            'found': found, 'hidden_pixels': pixels,
            'reliability': [{'said': self.said[i] / self.count[i],
                             'true': self.true[i] / int(self.count[i]),
                             'pixels': int(self.count[i])} for i in filled],
        }


def _share(total: float, count: int) -> float | None:
    return total / count if count else None


def rank_correlation(a: list[float], b: list[float]) -> float | None:
    """Return Spearman's rank correlation, ties at their mean rank; None where one never varies."""
    ranks = [_ranks(np.asarray(values)) for values in (a, b)]
    if not ranks[0].size or any(np.ptp(rank) == 0 for rank in ranks):
        return None
    x, y = (rank - rank.mean() for rank in ranks)
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


def _ranks(values: NDArray) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (count.cumsum() - (count - 1) / 2)[place]
