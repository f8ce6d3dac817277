"""
seq-amodal: segment pictures, evaluate data sets and rosbags, without ROS.

    seq-amodal predict IMAGE... [--out DIR]
    seq-amodal evaluate [--coco annotations.json] [--sas DIR] [--bag BAG] [--json out.json]
    seq-amodal score BAG [--json out.json]
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
import itertools
import json
import os
from pathlib import Path
import signal
import sys
import threading
from typing import Any

from seq_amodal_ros.bridge import bags
from seq_amodal_ros.checkpoint import DEFAULT, find
from seq_amodal_ros.diffusion.samplers import SAMPLERS
from seq_amodal_ros.evaluation import amodal_coco, sas
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.evaluation.pictures import overview, png
from seq_amodal_ros.evaluation.reliability import draw_reliability
from seq_amodal_ros.evaluation.report import evaluate, score, table
from seq_amodal_ros.evaluation.sample import Sample
from seq_amodal_ros.files import check_writable, write_atomic
from seq_amodal_ros.planning import pick_order
from seq_amodal_ros.scene import LayeredScene
from seq_amodal_ros.segmenter import Segmenter, Settings

PREDICTED = 'predicted by seq-amodal'
OPTIONS = {'hypotheses': '--k', 'steps': '--steps', 'max_layers': '--max-layers',
           'min_area': '--min-area', 'seed': '--seed', 'mask_size': '--mask-size'}


def predict(given: argparse.Namespace) -> None:
    """Segment pictures; write one sheet for each and an amodal-COCO file of all."""
    names = [path.stem for path in given.images]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f'pictures of the same name {sorted(repeated)}: their results would '
                         'overwrite each other; predict them into different --out folders')
    if given.out.exists() and not given.out.is_dir():
        raise ValueError(f'--out {given.out} is a file: name a folder, made if it is not there')
    segmenter = _segmenter(given)
    annotations = given.out / 'annotations.json'
    earlier = annotations.is_file()
    if earlier and not amodal_coco.is_described(annotations, PREDICTED):
        raise ValueError(f'--out: {annotations} was not written by seq-amodal predict; name '
                         'another folder')
    for path in given.images:
        load_image(path)  # what cannot be read is said before the work
    pictures = {path.resolve() for path in given.images}
    for target in (annotations, *(_sheet(given.out, path) for path in given.images)):
        if target.resolve() in pictures:
            raise ValueError(f'--out: {target} is one of the pictures, and would be written over; '
                             'name another folder')
        _check('--out', target)
    amodal_coco.write_entries(
        annotations, amodal_coco.entries_of(_predicted(segmenter, given), {}), PREDICTED)
    print(f'masks, layers, occluders and scores: {annotations}'
          + (', in place of those of an earlier predict' if earlier else ''))


def _predicted(segmenter: Segmenter, given: argparse.Namespace,
               ) -> Iterator[tuple[str, LayeredScene]]:
    """Yield each picture's path from the folder of the results, and its scene, which is drawn."""
    for path in given.images:
        image = load_image(path)
        scene = segmenter.segment(image)
        sheet = _sheet(given.out, path)
        write_atomic(sheet, png(overview(image, scene)))
        order = ', '.join(f'{item.id} (layer {item.layer}, score {item.score:.2f})'
                          for item in pick_order(scene)) or 'nothing'
        print(f'{path}: pick {order}; see {sheet}', flush=True)
        yield os.path.relpath(path.resolve(), given.out.resolve()), scene


def _sheet(folder: Path, picture: Path) -> Path:
    return folder / f'{picture.stem}.layers.png'


def evaluate_data(given: argparse.Namespace) -> None:
    """Score the weights on data sets and bags; print the table, write JSON if asked to."""
    if given.coco is None and given.sas is None and given.bag is None:
        raise ValueError('nothing to evaluate: give --coco FILE, --sas FOLDER or --bag BAG')
    if given.limit is not None and given.limit < 1:
        raise ValueError(f'--limit {given.limit}: it counts from 1')
    segmenter = _segmenter(given)
    weights = find(given.weights)
    for option, target in _results(given):
        if target.resolve() in (weights.resolve(), weights.with_suffix('.json').resolve()):
            raise ValueError(f'{option} {target} holds the weights; name another file')
    _check_results(given, given.coco, given.sas, given.bag)
    sources: list[Iterator[Sample]] = []
    with ExitStack() as opened:
        if given.coco is not None:
            sources.append(amodal_coco.samples(given.coco, given.limit))
        if given.sas is not None:
            sources.append(sas.samples(given.sas, given.limit))
        if given.bag is not None:
            recording = bags.Recording(opened.enter_context(bags.Bag(given.bag)),
                                       given.truth_topic)
            sources.append(itertools.islice(recording.samples(given.image_topic), given.limit))
        result = evaluate(itertools.chain(*sources), segmenter.segment)
    if given.bag is not None:
        print(f'{given.bag}: images of {recording.used} of its {recording.truths} truths')
    used = segmenter.settings
    result.update(sampler=used.sampler, steps=used.steps, k=used.hypotheses, seed=used.seed,
                  max_layers=used.max_layers, min_area=used.min_area,
                  mask_size=segmenter.mask_size, device=str(segmenter.device),
                  precision=segmenter.precision, weights=segmenter.label)
    _show_results(given, result, (
        f'{result["images"]} images, a median of {1000 * result["seconds_per_image"]:.0f} ms each, '
        f'{used.sampler} of {used.steps} steps, K = {used.hypotheses}, masks of '
        f'{segmenter.mask_size}, {segmenter.device} in {segmenter.precision}, weights '
        f'{segmenter.label}'))


def score_answers(given: argparse.Namespace) -> None:
    """Score what a node answered, as recorded in a bag beside the truth."""
    _check_results(given, given.bag)
    with bags.Bag(given.bag) as bag:
        recording = bags.Recording(bag, given.truth_topic)
        result = score(recording.answers(given.answers_topic))
    weights = ', '.join(sorted(recording.models))
    result.update(frames=recording.truths, weights=weights)
    _show_results(given, result, f'{recording.used} of {recording.truths} frames were answered, '
                                 f'weights {weights}')


def _check_results(given: argparse.Namespace, *evaluated: Path | None) -> None:
    """Raise ValueError, naming the option, where a result cannot be written or would do harm."""
    homes = [(path if path.is_dir() else path.parent).resolve() for path in evaluated if path]
    if len({target.resolve() for _, target in _results(given)}) < len(_results(given)):
        raise ValueError(f'--json and --reliability are both {given.json}; name two files')
    for option, target in _results(given):
        if target.is_file() and any(target.resolve().is_relative_to(home) for home in homes):
            raise ValueError(f'{option} {target} is there already, among what is evaluated; '
                             'name another file')
        _check(option, target)


def _results(given: argparse.Namespace) -> list[tuple[str, Path]]:
    """Return the options that name a file for results, and the files."""
    return [(option, target) for option, target in (('--json', given.json),
                                                    ('--reliability', given.reliability))
            if target is not None]


def _show_results(given: argparse.Namespace, result: dict[str, Any], conditions: str) -> None:
    """Print the table and what it was measured on; write the files that were asked for."""
    print(table(result))
    print(conditions)
    if given.json is not None:
        write_atomic(given.json, json.dumps(result, indent=1).encode() + b'\n')
    if given.reliability is not None:
        found = result['hypotheses']
        if not found['reliability']:
            raise ValueError('--reliability: nothing to draw, for no pixel of an object that was '
                             'found is hidden')
        write_atomic(given.reliability,
                     png(draw_reliability(found['reliability'], found['ece'])))


def _check(option: str, target: Path) -> None:
    """Raise ValueError, naming the option, where no file can be written."""
    try:
        check_writable(target)
    except ValueError as error:
        raise ValueError(f'{option}: {error}') from error


def settings_of(**given: Any) -> Settings:
    """Return the settings that are given; raises ValueError, naming the option, as they do."""
    try:
        return Settings(**given)
    except ValueError as error:
        name, _, rest = str(error).partition(' ')
        raise ValueError(f'{OPTIONS.get(name, name)} {rest}') from error


def _segmenter(given: argparse.Namespace) -> Segmenter:
    settings = settings_of(hypotheses=given.k, steps=given.steps, seed=given.seed,
                           sampler=given.sampler, mask_size=given.mask_size,
                           max_layers=given.max_layers, min_area=given.min_area)
    return Segmenter.load(given.weights, given.device, settings)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--k', type=int, default=Settings.hypotheses,
                        help='K: hypotheses for each layer, 1 to 64 (default %(default)s)')
    common.add_argument('--steps', type=int, default=Settings.steps,
                        help='denoising steps, 1 to 1000 (default %(default)s)')
    common.add_argument('--sampler', choices=SAMPLERS, default=Settings.sampler,
                        help='default %(default)s; ancestral walks all 1000 steps')
    common.add_argument('--max-layers', type=int, default=Settings.max_layers,
                        help='N_max: end after so many layers (default %(default)s)')
    common.add_argument('--min-area', type=int, default=Settings.min_area,
                        help='Area_min: smallest layer and smallest visible part of an object, '
                             'pixels of a 64 x 64 image (default %(default)s)')
    common.add_argument('--mask-size', type=int, default=Settings.mask_size,
                        help='side of the masks that the network works on, 32 to 512, '
                             'which it takes to the nearest that it can (default: its own)')
    common.add_argument('--seed', type=int, default=Settings.seed, help='of the noise')
    common.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    common.add_argument('--weights', default=DEFAULT,
                        help='name of shipped weights or a .safetensors file')
    results = argparse.ArgumentParser(add_help=False)
    results.add_argument('--truth-topic', default=bags.TRUTH_TOPIC, metavar='TOPIC',
                         help="of a bag's truth, LayeredAmodalMasks (%(default)s)")
    results.add_argument('--json', type=Path, help='write the figures to this file too')
    results.add_argument('--reliability', type=Path, metavar='PNG',
                         help='draw there how often hidden pixels are as the hypotheses say')
    parser = argparse.ArgumentParser(prog='seq-amodal', description='Sequential amodal '
                                     'segmentation: whole objects, sorted into occlusion layers.')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('predict', parents=[common], help=predict.__doc__)
    command.add_argument('images', nargs='+', type=Path, metavar='IMAGE')
    command.add_argument('--out', type=Path, default=Path('out'),
                         help='folder (default out/); its annotations.json is of the last predict')
    command.set_defaults(run=predict)
    command = commands.add_parser('evaluate', parents=[common, results],
                                  help=evaluate_data.__doc__)
    command.add_argument('--coco', type=Path, help='annotations.json in amodal-COCO form')
    command.add_argument('--sas', type=Path, help='folder of <image>_<layer>/ folders')
    command.add_argument('--bag', type=Path, help='rosbag2 of images and their truth')
    command.add_argument('--image-topic', default=bags.IMAGE_TOPIC, metavar='TOPIC',
                         help='of Image, or with /compressed of CompressedImage (%(default)s)')
    command.add_argument('--limit', type=int, help='only the first so many images of each')
    command.set_defaults(run=evaluate_data)
    command = commands.add_parser('score', parents=[results], help=score_answers.__doc__)
    command.add_argument('bag', type=Path, metavar='BAG', help='rosbag2 of answers and their truth')
    command.add_argument('--answers-topic', default=bags.ANSWERS_TOPIC, metavar='TOPIC',
                         help='of LayeredAmodalMasks (%(default)s)')
    command.set_defaults(run=score_answers)
    return parser


def _hear_ctrl_c() -> None:
    """
    Let Ctrl-C raise KeyboardInterrupt, so that files are tidied; the executable has it end at once.

    Where it does already nothing is set: rclpy hears it beneath Python, and would be cut off.
    """
    if threading.current_thread() is threading.main_thread() and \
            signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.default_int_handler):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 with one line on stderr for bad input."""
    given = _parser().parse_args(arguments)
    try:
        _hear_ctrl_c()
        given.run(given)
    except (ValueError, OSError) as error:
        print(f'seq-amodal: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('seq-amodal: interrupted', file=sys.stderr)
        return 128 + signal.SIGINT
    return 0
