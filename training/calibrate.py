r"""
Calibrate weights, so that hypotheses are as often right as they say.

    python -m training.calibrate runs/default/weights.safetensors --cutouts meshes.npz fruit.npz \
        --out calibrated.safetensors

Scenes for validation are composed of what the training may see, under a seed of their own, and
segmented; `--recorded` adds rendered piles, which no training saw. The temperature and the offset
of the logits (Platt 1999) that then have the least expected calibration error, where objects in
front hide the truth, in the mean over protocols and recorded sets, are stored with the weights;
what they give is printed beside. With `--bias` the logits are raised first, for weights that are
too careful, and with `--mask-size` they are to be asked for finer or coarser masks than they were
trained on: which values find most is to be seen on scenes for validation as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
import sys
import tempfile
from typing import Any

import numpy as np
from seq_amodal_ros.checkpoint import check_target, Checkpoint, load_checkpoint, save_checkpoint
from seq_amodal_ros.denoisers.encode_once import EncodeOnceDenoiser
from seq_amodal_ros.devices import choose_device
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.report import evaluate
from seq_amodal_ros.evaluation.sample import Sample
from seq_amodal_ros.files import check_writable
from seq_amodal_ros.segmenter import Segmenter, Settings
from training.commands import add_cutouts, add_device, command, parser_of
from training.validation import validation

TEMPERATURES = np.geomspace(0.3, 3, 101)
OFFSETS = np.linspace(-1.5, 1.5, 101)
MAX_BIAS = 4.0  # of a logit: beyond, all is mask or nothing
HYPOTHESES = 64  # so that their mean takes many values


def prepared(checkpoint: Checkpoint, bias: float, mask_size: int | None) -> None:
    """
    Raise the logits of a checkpoint's masks, in place, and set the size they are asked for in.

    Raises ValueError for a bias beyond MAX_BIAS, a size that cannot be, and for networks whose
    hypotheses are samples.
    """
    if not isinstance(checkpoint.model, EncodeOnceDenoiser):
        raise ValueError(f'{checkpoint.label} predicts {checkpoint.model.predicts}: its '
                         'hypotheses are samples, which no temperature calibrates')
    if not abs(bias) <= MAX_BIAS:
        raise ValueError(f'a bias must lie in {-MAX_BIAS} to {MAX_BIAS}, got {bias}')
    checkpoint.model.raise_logits(bias)
    if mask_size is not None:
        checkpoint.model.config = replace(checkpoint.model.config, mask_size=mask_size)


def fitted(reliability: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """
    Return the temperature and offset with the least expected calibration error.

    reliability  bins of what was said, how often it was true, of how many pixels
    """
    said, true, pixels = (np.array([row[key] for row in reliability])
                          for key in ('said', 'true', 'pixels'))
    said = said.clip(0.001, 0.999)
    logit = np.log(said / (1 - said)) / TEMPERATURES[:, None, None] + OFFSETS[:, None]
    error = (pixels * np.abs(1 / (1 + np.exp(-logit)) - true)).sum(axis=-1)
    best = np.unravel_index(error.argmin(), error.shape)
    return round(float(TEMPERATURES[best[0]]), 3), round(float(OFFSETS[best[1]]), 3)


def at_an_end(temperature: float, offset: float) -> str:
    """Return in words which of the two lies at an end of what was tried; nothing if none does."""
    ends = [f'{name} {value} is the {word} that was tried'
            for name, value, tried in (('temperature', temperature, TEMPERATURES),
                                       ('offset', offset, OFFSETS))
            for word, end in (('least', tried[0]), ('most', tried[-1])) if abs(value - end) < 1e-3]
    return '; '.join([*ends, 'beyond it may be better: give more scenes, or another --bias']) \
        if ends else ''


def judged(checkpoint: Checkpoint, sets: Sequence[Sequence[Sample]], device: str,
           ) -> dict[str, Any]:
    """
    Return temperature, offset, ece, brier, ged of a checkpoint's hypotheses and reliability.

    Means over the sets in which a found object is partly hidden. The reliability holds the bins of
    all, 'pixels' as shares of their set's.
    """
    segmenter = Segmenter(checkpoint, device, Settings(hypotheses=HYPOTHESES))
    results = [evaluate(scenes, segmenter.segment)['hypotheses'] for scenes in sets]
    results = [result for result in results if result['hidden_pixels']]
    if not results:
        raise ValueError('nothing is hidden of the objects that were found, so nothing can be '
                         'calibrated; give more --scenes, or other --protocols or --recorded')
    bins = [{**row, 'pixels': row['pixels'] / sum(each['pixels'] for each in result['reliability'])}
            for result in results for row in result['reliability']]
    return {'temperature': checkpoint.temperature, 'offset': checkpoint.offset,
            **{key: round(float(np.mean([result[key] for result in results])), 4)
               for key in ('ece', 'brier', 'ged')},
            'reliability': bins}


@command('calibrate')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('weights', help='name or path')
    add_cutouts(parser)
    parser.add_argument('--protocols', nargs='+', default=['mixed', 'fruit', 'bin'])
    parser.add_argument('--recorded', type=Path, nargs='*', default=[], metavar='JSON',
                        help='annotations.json of rendered piles')
    parser.add_argument('--scenes', type=int, default=100, help='of each protocol')
    parser.add_argument('--bias', type=float, default=0.0, help='added to the logits of masks')
    parser.add_argument('--mask-size', type=int, help='of the weights from now on; default: theirs')
    add_device(parser)
    parser.add_argument('--out', type=Path, required=True)
    given = parser.parse_args(arguments)
    check_target(given.out)
    checkpoint = load_checkpoint(given.weights)
    prepared(checkpoint, given.bias, given.mask_size)
    choose_device(given.device)
    check_writable(given.out)
    sets = [list(samples(path)) for path in given.recorded]
    with tempfile.TemporaryDirectory() as folder:
        sets += [validation(Path(folder) / str(number), given.cutouts, name, given.scenes)
                 for number, name in enumerate(given.protocols)]
        raw = judged(replace(checkpoint, temperature=1.0, offset=0.0), sets, given.device)
        temperature, offset = fitted(raw.pop('reliability'))
        if (warning := at_an_end(temperature, offset)):
            print(f'calibrate: {warning}', file=sys.stderr)
        after = judged(replace(checkpoint, temperature=temperature, offset=offset), sets,
                       given.device)
        del after['reliability']
    save_checkpoint(given.out, checkpoint.model, checkpoint.schedule, checkpoint.mask_values,
                    {**checkpoint.training, 'calibrated': {
                        'scenes': sum(map(len, sets)), 'protocols': given.protocols,
                        'recorded': len(given.recorded),
                        'bias': given.bias, 'before': raw, 'after': after}},
                    temperature, offset)
    for row in (raw, after):
        print('  '.join(f'{key} {value}' for key, value in row.items()))


if __name__ == '__main__':
    raise SystemExit(main())
