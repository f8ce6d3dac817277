"""
The parts of a layer: which of its pixels belong together, and which parts it holds for sure.

Within a layer objects do not overlap, so each part is an object.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.scene import Mask

SEAM = 0.4   # probability from which two objects touch at a pixel; chosen on validation scenes
SURE = 0.75  # mean probability from which an object is on the layer for sure; chosen there as well
HINT = 0.55  # mean probability below which even the surest is no object; chosen there as well
CLEAR = 0.6  # the same after an answer that was not clear itself; chosen there as well


def separated(mask: Mask, seams: NDArray[np.float32] | None, least: float) -> NDArray[np.int32]:
    """
    Return the number of the part that each pixel of a mask belongs to, counted from 1; 0 outside.

    Parts are connected and end at seams, probabilities [H, W] like the mask. What a seam itself
    covers, and scraps that it cuts off, go to the nearest piece of the part that they hang
    together with.
    """
    _, connected = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    if seams is None:
        return np.asarray(connected, np.int32)
    _, cut, stats, _ = cv2.connectedComponentsWithStats((mask & (seams <= SEAM)).astype(np.uint8),
                                                        connectivity=4)
    pieces = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= least) + 1
    part_of = np.zeros(len(stats), np.int32)
    for piece in pieces:
        part_of[piece] = connected[cut == piece][0]
    labels, number = np.zeros(mask.shape, np.int32), 0
    for part in range(1, int(connected.max()) + 1):
        within = connected == part
        mine = np.flatnonzero(part_of == part)
        if len(mine) > 1:
            cores = np.where(within & np.isin(cut, mine), cut, 0)
            labels[within] = number + np.searchsorted(mine, nearest_part(cores)[within]) + 1
        else:
            labels[within] = number + 1
        number += max(1, len(mine))
    return labels


def nearest_part(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for each pixel the part nearest to it, so that a merged hypothesis can be shared."""
    if labels.max(initial=0) <= 1:
        return np.ones_like(labels)
    _, sites = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL)
    part_of_site = np.zeros(sites.max() + 1, labels.dtype)
    part_of_site[sites[labels > 0]] = labels[labels > 0]
    return part_of_site[sites]


def sure_parts(probability: NDArray[np.float32], covered: Mask,
               seams: NDArray[np.float32] | None, least: float, bar: float = HINT,
               ) -> tuple[Mask, float]:
    """
    Return where a layer's probability [H, W] is that of parts which are on it for sure, [H, W].

    And the surest one's mean probability, from which follows the next answer's bar (next_bar).

    What is likely to lie deeper stays open, and is asked for again when more is covered; taken too
    early it would count as lying on what in truth lies on it, and what is asked for afterwards
    would rest on that. Taken too late it loses nothing: Eq. 2 puts it on the layer where it is.
    An object is sure by its mean probability where it is not `covered`. Where none is, the surest
    of at least `least` pixels is taken, so that there is an end; where that is under the `bar`,
    nothing is: on pictures of an unknown kind one hint after another would be a layer.
    """
    labels = separated(probability > 0.5, seams, least)
    weight = np.where(covered, 0.01, 1).ravel()  # an object that is covered wholly has a mean too
    areas = np.bincount(labels.ravel())
    mean = np.bincount(labels.ravel(), weight * probability.ravel()) / \
        np.maximum(np.bincount(labels.ravel(), weight), 1e-9)
    mean[0], mean[areas < least] = 0, 0
    surest = float(mean.max())
    if surest < bar:
        return np.zeros_like(covered), surest
    if len(mean) <= 2:
        return np.ones_like(covered), surest
    sure = mean >= min(SURE, surest)
    return np.asarray(sure[nearest_part(labels)], bool), surest


def next_bar(surest: float) -> float:
    """Return what the next answer's surest part must reach after one whose surest had so much."""
    return HINT if surest >= CLEAR else CLEAR
