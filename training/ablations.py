r"""
What of the training matters: networks that differ in one setting, trained and measured alike.

    python -m training.ablations --cutouts meshes.npz icons.npz fruit.npz ycb.npz \
        --out runs/ablations

ablations.yaml names the variants. Each is trained into OUT/VARIANT, once; what is there is kept,
and an interrupted training goes on. They are measured on scenes for validation, by Alg. 2 with
K = 3 hypotheses, at each number of steps. The table is printed and written to OUT/ablations.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
import json
import logging
import math
from pathlib import Path
import tempfile

from seq_amodal_ros.checkpoint import Checkpoint, load_checkpoint
from seq_amodal_ros.devices import choose_device
from seq_amodal_ros.evaluation.report import evaluate, shown
from seq_amodal_ros.evaluation.sample import Sample
from seq_amodal_ros.files import write_atomic
from seq_amodal_ros.segmenter import Segmenter, Settings
from training.commands import add_cutouts, add_device, command, parser_of
from training.config import check_protocols, read_config, TrainConfig
from training.feed import Feed
from training.markdown import head, row
from training.runs import TrainingError
from training.settings import as_tuples, made, read_settings
from training.train import DefaultRun, train
from training.validation import validation

VARIANTS = Path(__file__).with_name('ablations.yaml')
STEPS = (1, 2, 4, 8)
LAYERS = (1, 2, 3)


def read_variants(path: Path = VARIANTS) -> dict[str, TrainConfig]:
    """
    Return the training config of each variant.

    Raises ValueError, naming file and variant, for settings that no training has.
    """
    given = read_settings(path, {'base', 'variants'})
    groups = [given['base'], given['variants']]
    if not all(isinstance(group, dict) for group in groups) or not given['variants'] or \
            not all(isinstance(changes, dict) for changes in given['variants'].values()) or \
            not all(isinstance(key, str) for key in (*given['base'], *given['variants'])):
        raise ValueError(f'{path}: base and each of the variants, one at least, must be settings '
                         'under names, as in ablations.yaml')
    found = {}
    for name, changes in given['variants'].items():
        wanted = {**given['base'], **changes}
        known = {field.name for field in fields(TrainConfig)}
        if unknown := sorted(set(wanted) - known):
            raise ValueError(f'{path}: {name}: unknown {unknown}; a training has '
                             f'{sorted(known)}')
        found[name] = made(TrainConfig, {**vars(read_config()), **as_tuples(wanted)},
                           f'{path}: {name}')
        check_protocols(found[name], f'{path}: {name}')
    folders = [folder_of(name) for name in found]
    if len(set(folders)) < len(folders):
        raise ValueError(f'{path}: two variants would have one folder, of {sorted(folders)}; '
                         'rename one')
    return found


def folder_of(name: str) -> str:
    """Return the folder that a variant is trained in."""
    return name.replace(' ', '_')


def trained(folder: Path, config: TrainConfig, cutouts: Sequence[Path], device: str) -> Checkpoint:
    """
    Return the network of a config, trained now or before.

    Raises ValueError, naming the folder, if another config was trained there.
    """
    weights = folder / 'weights.safetensors'
    folder.mkdir(parents=True, exist_ok=True)
    if weights.is_file():
        before, now = load_checkpoint(weights).training, json.loads(json.dumps(asdict(config)))
        if any(before['config'].get(name) != value for name, value in now.items()):
            raise ValueError(f'{folder}: trained with other settings; remove it, or give another '
                             '--out')
    feed = Feed(config, cutouts, [], device)
    run = DefaultRun(folder, config, device, [str(path) for path in cutouts])
    try:
        feed.seek(run.step)
        if run.step < config.steps:
            train(run, feed, math.inf, {'config': asdict(config), 'sources': feed.sources,
                                        'device': device})
    finally:
        run.close()
    return load_checkpoint(weights)


def measured(checkpoint: Checkpoint, scenes: Sequence[Sample], device: str) -> list[str]:
    """Return for each number of steps the IOU at each of LAYERS and the GED, as text."""
    cells = []
    for steps in STEPS:
        result = evaluate(scenes, Segmenter(checkpoint, device, Settings(steps=steps)).segment)
        by_layer = {each['layer']: each['iou'] for each in result['layers']}
        cells.append(' / '.join(f'{by_layer.get(layer, 0.0):.1f}' for layer in LAYERS) +
                     f', {shown(result["hypotheses"]["ged"], 2)}')
    return cells


def table(found: Mapping[str, Sequence[str]]) -> str:
    """Return Markdown: a row a variant, a column a number of steps."""
    top = head(['IOU at layers 1 / 2 / 3, GED', *(f'{steps} steps' for steps in STEPS)])
    return '\n'.join([top, *(row([name, *cells]) for name, cells in found.items())])


@command('ablations', TrainingError)
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    add_cutouts(parser)
    parser.add_argument('--variants', type=Path, default=VARIANTS)
    parser.add_argument('--scenes', type=int, default=100, help='to measure on')
    add_device(parser)
    parser.add_argument('--out', type=Path, required=True)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    found: dict[str, list[str]] = {}
    device, variants = str(choose_device(given.device)), read_variants(given.variants)
    protocols = list(next(iter(variants.values())).protocols)
    with tempfile.TemporaryDirectory() as folder:
        scenes = [sample for number, name in enumerate(protocols) for sample in validation(
            Path(folder) / str(number), given.cutouts, name, given.scenes)]
        for name, config in variants.items():
            checkpoint = trained(given.out / folder_of(name), config, given.cutouts, device)
            found[name] = measured(checkpoint, scenes, device)
    text = (f'{table(found)}\n\n{len(scenes)} scenes for validation of '
            f'{", ".join(protocols)}; K = {Settings.hypotheses}, {device}; trained as '
            f'{given.variants.name} says, each once.\n')
    write_atomic(given.out / 'ablations.md', text.encode())
    print(text, end='')


if __name__ == '__main__':
    raise SystemExit(main())
