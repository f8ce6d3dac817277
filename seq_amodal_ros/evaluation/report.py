"""Run a segmenter over samples and say how well it did."""

from collections.abc import Callable, Iterable
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.evaluation.amodal_coco import DatasetError, load_image, Sample
from seq_amodal_ros.evaluation.metrics import LayerScore, ObjectScore
from seq_amodal_ros.scene import LayeredScene
from tqdm import tqdm

Segment = Callable[[NDArray[np.uint8]], LayeredScene]


def evaluate(samples: Iterable[Sample], segment: Segment) -> dict[str, Any]:
    """
    Return {'layers': [...], 'objects': {...}, 'images': n, 'seconds_per_image': s}.

    Figures are in percent; metrics.py says how each is reduced. Raises DatasetError, naming the
    picture, for one whose size is not its masks', or if there are no samples.
    """
    layers: dict[int, LayerScore] = {}
    objects, images, seconds = ObjectScore(), 0, 0.0
    for sample in tqdm(samples, desc='evaluating', unit='image', disable=None):
        image = load_image(sample.path)
        if image.shape[:2] != sample.masks.shape[1:]:
            raise DatasetError(f'{sample.path}: picture is {image.shape[1]}x{image.shape[0]}, its '
                               f'masks are {sample.masks.shape[2]}x{sample.masks.shape[1]}')
        began = time.perf_counter()
        scene = segment(image)
        seconds += time.perf_counter() - began
        images += 1
        _score(sample, scene, layers, objects)
    if not images:
        raise DatasetError('no image to evaluate: the data set is empty')
    return {'layers': [{'layer': i, **layers[i].result(images)} for i in sorted(layers)
                       if layers[i].images],
            'objects': objects.result(), 'images': images, 'seconds_per_image': seconds / images}


def _score(sample: Sample, scene: LayeredScene, layers: dict[int, LayerScore],
           objects: ObjectScore) -> None:
    for layer in range(1, max(scene.depth, *sample.layers, 0) + 1):
        true = sample.masks[sample.layers == layer].any(axis=0)
        layers.setdefault(layer, LayerScore()).add(scene.layer_mask(layer), true)
    masks = np.array([item.mask for item in scene.objects], bool)
    objects.add(masks, np.array([item.layer for item in scene.objects]), sample.masks,
                sample.layers)


def table(result: dict[str, Any]) -> str:
    """Return the result as text for people."""
    lines = ['layer  images |   IOU     AP | zeroed IOU     AP | pooled IOU     AP']
    lines += [f'{r["layer"]:5d}  {r["images"]:6d} | {r["iou"]:5.1f}  {r["ap"]:5.1f} |      '
              f'{r["iou_zeroed"]:5.1f}  {r["ap_zeroed"]:5.1f} |      '
              f'{r["iou_pooled"]:5.1f}  {r["ap_pooled"]:5.1f}' for r in result['layers']]
    o = result['objects']
    lines += [
        f'objects, whatever the layer: IOU {o["iou"]:.1f}, recall {o["recall"]:.1f} and precision '
        f'{o["precision"]:.1f} at IOU 0.5, of those found {o["right_layer"]:.1f} on the right '
        f'layer ({o["true"]} true, {o["predicted"]} predicted)',
        f'{result["images"]} images, {1000 * result["seconds_per_image"]:.0f} ms an image, '
        f'{result["steps"]} steps, K = {result["k"]}, {result["device"]}, '
        f'weights {result["weights"]}']
    return '\n'.join(lines)
