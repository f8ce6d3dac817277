"""The reliability diagram: how often a pixel is the object's where the hypotheses say so."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from seq_amodal_ros.evaluation.pictures import Rgb

SIDE, MARGIN = 320, 48  # pixels of the unit square and around it
_INK, _GREY, _BAR = (30, 30, 30), (170, 170, 170), (70, 120, 200)


def draw_reliability(bins: Sequence[Mapping[str, float]], ece: float) -> Rgb:
    """
    Return the diagram, uint8 RGB; on the diagonal the hypotheses are calibrated.

    bins   each with `said` (mean likelihood by the hypotheses, 0 to 1), `true` (share of these
           pixels that are the object's) and `pixels`; a dot's area is its share of these
    ece    the expected calibration error, written above
    """
    canvas = np.full((SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 3), 255, np.uint8)
    cv2.rectangle(canvas, _place(0, 0), _place(1, 1), _INK, 1)
    cv2.line(canvas, _place(0, 0), _place(1, 1), _GREY, 1, cv2.LINE_AA)
    most = max((entry['pixels'] for entry in bins), default=1)
    for entry in bins:
        x, y = entry['said'], entry['true']
        cv2.line(canvas, _place(x, x), _place(x, y), _BAR, 2, cv2.LINE_AA)
        radius = max(3, round(14 * np.sqrt(entry['pixels'] / most)))
        cv2.circle(canvas, _place(x, y), radius, _BAR, cv2.FILLED, cv2.LINE_AA)
    for text, place in ((f'hidden pixels, ECE {ece:.3f}', (MARGIN, MARGIN - 16)),
                        ('said by the hypotheses, 0 to 1', (MARGIN, SIDE + MARGIN + 24)),
                        ('true', (4, MARGIN + SIDE // 2))):
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return canvas


def _place(x: float, y: float) -> tuple[int, int]:
    """Return the pixel of a point of the unit square, whose y points up."""
    return MARGIN + round(x * SIDE), MARGIN + round((1 - y) * SIDE)
