r"""
Run an experiment of the paper's Sec. 5: train what it needs, test, write JSON and Markdown.

    python -m training.paper.experiments tab4 --coco TRAIN/annotations.json \
        --test TEST/annotations.json --setting small --out runs/experiments

Models are trained once and kept in OUT/models; a stopped training goes on with the same command.
`cost` needs no scenes: what a network costs does not depend on its weights.
"""

from collections.abc import Sequence
import logging
import os
from pathlib import Path
import platform

from PIL import Image
from seq_amodal_ros.checkpoint import DEFAULT, load_checkpoint
from seq_amodal_ros.devices import choose_device
import torch
from training.commands import add_device, check_folder, command, parser_of
from training.paper.config import read_preset
from training.paper.experiments.cost import cost_report
from training.paper.experiments.data import read_test
from training.paper.experiments.figures import gallery
from training.paper.experiments.models import sequential, TrainingData
from training.paper.experiments.settings import read_setting
from training.paper.experiments.tables import Bench, TABLES

DRAWN = 12  # images of a gallery
LAYERS = 5  # of the image whose cost is measured


def draw(bench: Bench, out: Path) -> None:
    """Fig. 4 to 8: draw true and predicted layers of the first test images."""
    model = bench.model()
    truth = bench.truth(model, DRAWN)
    predicted = sequential(model, truth, bench.setting, bench.data.device)
    picture = gallery(truth, predicted, columns=model.training['rules']['max_layers'])
    Image.fromarray(picture).save(out / 'gallery.png')
    print(out / 'gallery.png')


def hardware(device: str) -> str:
    """Return what the numbers were measured on, in words."""
    if device.startswith('cuda'):
        return torch.cuda.get_device_name(device)
    cores = len(os.sched_getaffinity(0))
    return f'{cores} cores of {platform.machine()}, {torch.get_num_threads()} used'


@command('experiments')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('experiment', choices=[*TABLES, 'gallery', 'cost'])
    data = parser.add_mutually_exclusive_group()
    data.add_argument('--coco', nargs='+', metavar='JSON', help='training set in amodal COCO')
    data.add_argument('--protocol', help='train on composed scenes of this protocol')
    parser.add_argument('--cutouts', nargs='*', default=[], metavar='NPZ',
                        help='what --protocol composes from')
    parser.add_argument('--test', type=Path, help='test set in amodal COCO')
    parser.add_argument('--setting', default='small', help='small, full or a .yaml file')
    parser.add_argument('--out', type=Path, required=True, help='folder of models and results')
    add_device(parser)
    given = parser.parse_args(arguments)
    if given.experiment != 'cost' and not (given.test and (given.coco or given.protocol)):
        parser.error(f'{given.experiment} needs --test, and --coco or --protocol')
    if given.coco and given.cutouts:
        parser.error('--cutouts are what --protocol composes from; --coco is trained on as it is')
    logging.basicConfig(level=logging.WARNING, format='%(message)s')
    setting, device = read_setting(given.setting), str(choose_device(given.device))
    if given.test is not None:
        read_test(given.test, read_preset(setting.preset).mask_size, 1)  # before hours of work
    check_folder(given.out)
    if given.experiment == 'cost':
        report = cost_report(('sas', setting.preset), load_checkpoint(DEFAULT),
                             setting.hypotheses, LAYERS, device, hardware(device))
    else:
        bench = Bench(given.out, given.test, TrainingData(
            given.coco or (), given.protocol or '', given.cutouts, device), setting,
                      hardware(device))
        if given.experiment == 'gallery':
            draw(bench, given.out)
            return
        report = TABLES[given.experiment](bench)
    report.write(given.out, given.experiment)
    print(report.markdown())


if __name__ == '__main__':
    raise SystemExit(main())
