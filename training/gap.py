"""
How far a model falls because its cumulative masks are its own: each layer, with both.

    python -m training.gap runs/testsets/fruit/annotations.json --weights default

With the true cumulative mask every layer is asked for alone. With its own, the scene is segmented
as on a robot, each layer on the mistakes of those before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.checkpoint import DEFAULT
from seq_amodal_ros.cli import settings_of
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.metrics import iou
from seq_amodal_ros.evaluation.sample import DatasetError, Sample
from seq_amodal_ros.objects import scaled
from seq_amodal_ros.scene import Mask
from seq_amodal_ros.segmenter import Segmenter, Settings
from seq_amodal_ros.sequential import Probability
from tqdm import tqdm
from training.commands import add_device, command, parser_of


@dataclass
class Gap:
    """IOU in percent at one layer with the true and with the model's own cumulative mask."""

    true: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)


def gaps(segmenter: Segmenter, truth: Iterable[Sample]) -> dict[int, Gap]:
    """Return the IOU of each layer over the images that hold it."""
    found: dict[int, Gap] = {}
    for sample in tqdm(truth, desc='evaluating', unit='image', disable=None):
        image = sample.picture()
        own = segmenter.segment(image)
        height, width = segmenter.working_shape(image, segmenter.settings)
        frames = segmenter.frames([image], segmenter.settings, defer=False)
        for number in np.unique(sample.layers).tolist():
            true = _union(sample.masks[sample.layers == number])
            below = _union(sample.masks[sample.layers < number])
            given = scaled(below.astype(np.float32), height, width)
            alone = frames.choose(frames.answers([0], given[None]).hypotheses[0])
            gap = found.setdefault(number, Gap())
            gap.true.append(100 * iou(_scaled(alone, true), true))
            gap.own.append(100 * iou(own.layer_mask(number), true))
    if not found:
        raise DatasetError('no layer to evaluate: the data set holds no object')
    return found


def _union(masks: NDArray[np.bool_]) -> Mask:
    return np.asarray(masks.any(axis=0), bool)


def _scaled(chosen: Probability | None, like: Mask) -> Mask:
    """Return a layer's mask at the scale of another; None is blank."""
    return np.zeros_like(like) if chosen is None else scaled(chosen, *like.shape)


def table(found: dict[int, Gap]) -> str:
    """Return the gaps as text for people."""
    lines = ['layer  images | true CM  own CM    gap']
    lines += [f'{number:5d}  {len(gap.true):6d} |   {np.mean(gap.true):5.1f}   '
              f'{np.mean(gap.own):5.1f}  {np.mean(gap.true) - np.mean(gap.own):5.1f}'
              for number, gap in sorted(found.items())]
    return '\n'.join(lines)


@command('gap')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('coco', type=Path, metavar='JSON', help='annotations.json')
    parser.add_argument('--weights', default=DEFAULT, help='name or path')
    parser.add_argument('--k', type=int, default=Settings.hypotheses, help='hypotheses')
    add_device(parser)
    given = parser.parse_args(arguments)
    segmenter = Segmenter.load(given.weights, given.device, settings_of(hypotheses=given.k))
    found = gaps(segmenter, samples(given.coco))
    print(table(found))
    print(f'K = {given.k}, {segmenter.device}, weights {segmenter.label}')


if __name__ == '__main__':
    raise SystemExit(main())
