"""Run a segmenter over samples and say how well it did."""

from collections.abc import Callable, Iterable, Iterator
import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.evaluation.metrics import LayerScore, ObjectScore
from seq_amodal_ros.evaluation.sample import DatasetError, Sample, Truth
from seq_amodal_ros.evaluation.uncertainty import HypothesisScore
from seq_amodal_ros.scene import LayeredScene
from tqdm import tqdm

Segment = Callable[[NDArray[np.uint8]], LayeredScene]


def evaluate(samples: Iterable[Sample], segment: Segment) -> dict[str, Any]:
    """
    Return what `score` does of a segmenter's answers, and 'seconds_per_image', a median, beside.

    Raises DatasetError, naming the picture, for one whose size is not its masks', or if there are
    no samples.
    """
    seconds = []

    def answered() -> Iterator[tuple[Truth, LayeredScene]]:
        for sample in samples:
            image = sample.picture()
            began = time.perf_counter()
            scene = segment(image)
            seconds.append(time.perf_counter() - began)
            yield sample, scene

    result = score(answered())
    return {**result, 'seconds_per_image': statistics.median(seconds)}


def score(answers: Iterable[tuple[Truth, LayeredScene]]) -> dict[str, Any]:
    """
    Return {'layers': [...], 'objects': {...}, 'hypotheses': {...}, 'images': n}.

    metrics.py and uncertainty.py say what each figure is. An answer is of its truth's size. Raises
    DatasetError if there is none.
    """
    layers: dict[int, LayerScore] = {}
    objects, hypotheses = ObjectScore(), HypothesisScore()
    images, pixels = 0, 0
    for truth, scene in tqdm(answers, desc='evaluating', unit='image', disable=None):
        images, pixels = images + 1, pixels + scene.height * scene.width
        _score_layers(truth, scene, layers)
        _score_objects(truth, scene, objects, hypotheses)
    if not images:
        raise DatasetError('no image to evaluate: the data set is empty')
    return {'layers': [{'layer': i, **layers[i].result(images, pixels)} for i in sorted(layers)
                       if layers[i].images],
            'objects': objects.result(), 'hypotheses': hypotheses.result(), 'images': images}


def _score_layers(truth: Truth, scene: LayeredScene, layers: dict[int, LayerScore]) -> None:
    for layer in range(1, max(scene.depth, *truth.layers, 0) + 1):
        true = truth.masks[truth.layers == layer].any(axis=0)
        layers.setdefault(layer, LayerScore()).add(scene.layer_mask(layer), true)


def _score_objects(truth: Truth, scene: LayeredScene, objects: ObjectScore,
                   hypotheses: HypothesisScore) -> None:
    masks = np.array([item.mask for item in scene.objects], bool)
    predicted_layers = np.array([item.layer for item in scene.objects])
    for i, j in objects.add(masks, predicted_layers, truth):
        item, hidden = scene.objects[i], truth.masks[truth.occluded[j]].any(axis=0)
        if len(item.hypotheses):
            hypotheses.add(item.mask, item.hypotheses, item.score, truth.masks[j], hidden)


def table(result: dict[str, Any]) -> str:
    """Return the result as text for people."""
    lines = ['layer  images |   IOU     AP | zeroed IOU     AP | pooled IOU     AP']
    lines += [f'{r["layer"]:5d}  {r["images"]:6d} | {r["iou"]:5.1f}  {r["ap"]:5.1f} |      '
              f'{r["iou_zeroed"]:5.1f}  {r["ap_zeroed"]:5.1f} |      '
              f'{r["iou_pooled"]:5.1f}  {r["ap_pooled"]:5.1f}' for r in result['layers']]
    o, h = result['objects'], result['hypotheses']
    lines += [
        f'objects, whatever the layer: IOU {o["iou"]:.1f}, recall {o["recall"]:.1f} and precision '
        f'{o["precision"]:.1f} at IOU 0.5, of those found {shown(o["right_layer"], 1)} on '
        f'the right layer ({o["true"]} true, {o["predicted"]} predicted); '
        f'{shown(o["ordered"], 1)} of {o["pairs"]} touching pairs in the right order',
        f'hypotheses of those found: best of K IOU {shown(h["best_iou"], 1)} (chosen '
        f'{shown(h["chosen_iou"], 1)}), GED {shown(h["ged"], 3)}; where hidden: ECE '
        f'{shown(h["ece"], 3)}, Brier {shown(h["brier"], 3)} ({h["hidden_pixels"]} pixels); '
        f'rank correlation of score and IOU {shown(h["rank"], 2)}']
    return '\n'.join(lines)


def shown(value: float | None, digits: int) -> str:
    """Return a figure for people; there may be none."""
    return 'none' if value is None else f'{value:.{digits}f}'
