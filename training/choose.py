r"""
Compare averages of old and newly trained weights on scenes for validation, to choose one.

    python -m training.choose default runs/default/weights.safetensors --shares 0.5 0.65 1 \
        --biases 0 0.15 --mask-size 112 --protocols fruit mixed bin --zooms 0.6 1 1.6 \
        --recorded runs/more/annotations.json --cutouts meshes.npz fruit.npz

Scenes are made of objects that the training saw, in arrangements that it did not; of drawn
objects, of which there is no end, they hold others of the same kinds. Printed, as
Markdown: for each share of the second in the average and each bias of its logits, and for the
first as it is, the mean IOU of layers 1 to 4 and recall and precision of objects at IOU 0.5, each
over all scenes of a kind. What is chosen, `training.average` and `training.calibrate` make.
"""

from collections.abc import Iterator, Sequence
import copy
from dataclasses import replace
from pathlib import Path
import tempfile

import numpy as np
from seq_amodal_ros.checkpoint import Checkpoint, load_checkpoint
from seq_amodal_ros.devices import choose_device
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.report import evaluate
from seq_amodal_ros.evaluation.sample import Sample
from seq_amodal_ros.segmenter import Segmenter, Settings
from training.average import averaged
from training.calibrate import prepared
from training.commands import add_cutouts, add_device, command, parser_of
from training.markdown import head, row
from training.validation import validation

LAYERS = 4


def candidates(first: Checkpoint, second: Checkpoint, shares: Sequence[float],
               biases: Sequence[float], mask_size: int | None) -> Iterator[tuple[str, Checkpoint]]:
    """Yield the first as it is, then each average, its logits raised by each bias, with names."""
    yield first.label, first
    for share in shares:
        for bias in biases:
            both = replace(second, model=copy.deepcopy(second.model))
            averaged(first, both, share)
            prepared(both, bias, mask_size)
            yield f'share {share:g}, bias {bias:g}', both


def kinds_of(folder: Path, cutouts: Sequence[Path], protocols: Sequence[str],
             zooms: Sequence[float], recorded: Sequence[Path], count: int,
             ) -> dict[str, list[Sample]]:
    """Return `count` scenes of each protocol at each zoom, and all of each recorded set."""
    found = {str(path): list(samples(path)) for path in recorded}
    for name in protocols:
        for zoom in zooms:
            kind = name + (f' x{zoom:g}' if zoom != 1 else '')
            if kind not in found:
                found[kind] = validation(folder / str(len(found)), cutouts, name, count, zoom)
    return found


def cell(checkpoint: Checkpoint, scenes: Sequence[Sample], device: str) -> str:
    """Return mean IOU of LAYERS layers, recall and precision of objects, in percent."""
    result = evaluate(scenes, Segmenter(checkpoint, device).segment)
    layers = [each['iou'] for each in result['layers'] if each['layer'] <= LAYERS]
    if not layers:
        raise ValueError('scenes of one kind hold no object: give more --scenes, or other '
                         '--protocols or --recorded')
    objects = result['objects']
    return f'{np.mean(layers):.1f}, {objects["recall"]:.1f} / {objects["precision"]:.1f}'


@command('choose')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('checkpoints', nargs=2, metavar='WEIGHTS', help='names or paths')
    parser.add_argument('--shares', type=float, nargs='+', default=[0.5, 1.0],
                        help='of the second, 0 to 1')
    parser.add_argument('--biases', type=float, nargs='+', default=[0.0],
                        help='added to the logits of masks')
    parser.add_argument('--mask-size', type=int,
                        help='of all averages; default: that of the second')
    add_cutouts(parser)
    parser.add_argument('--protocols', nargs='+', default=['mixed', 'fruit', 'bin'])
    parser.add_argument('--zooms', type=float, nargs='+', default=[1.0],
                        help='how much nearer each protocol is seen')
    parser.add_argument('--recorded', type=Path, nargs='*', default=[], metavar='JSON',
                        help='annotations.json of rendered piles')
    parser.add_argument('--scenes', type=int, default=100, help='of each protocol and zoom')
    add_device(parser)
    given = parser.parse_args(arguments)
    choose_device(given.device)
    first, second = (load_checkpoint(path) for path in given.checkpoints)
    choice = list(candidates(first, second, given.shares, given.biases, given.mask_size))
    with tempfile.TemporaryDirectory() as folder:
        kinds = kinds_of(Path(folder), given.cutouts, given.protocols, given.zooms,
                         given.recorded, given.scenes)
        print(head(['IOU, recall / precision', *(f'{kind} ({len(scenes)})'
                                                 for kind, scenes in kinds.items())]))
        for name, checkpoint in choice:
            cells = [cell(checkpoint, scenes, given.device) for scenes in kinds.values()]
            print(row([name, *cells]), flush=True)
    print(f'\nK = {Settings.hypotheses}, {Settings.steps} step(s), {first.label} and '
          f'{second.label}')


if __name__ == '__main__':
    raise SystemExit(main())
