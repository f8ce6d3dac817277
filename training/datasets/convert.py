"""
Convert a data set's COCO-style file to amodal COCO or to layer folders, as in Sec. 5.1.

    python -m training.datasets.convert --json train.json --images train/ --keys acom --out acom
    python -m training.datasets.convert --describe train.json

--keys names one of training/datasets/keymaps/ or a YAML file like those; --describe prints which
keys a file has. Images that the paper leaves out are counted by reason. An interrupted run goes on
with what lies in OUT.parts/; OUT appears when all is done.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
import hashlib
from pathlib import Path
import shutil
from typing import Any

import numpy as np
from PIL import Image
from seq_amodal_ros.evaluation import sas
from seq_amodal_ros.evaluation.amodal_coco import annotation_of, read_entries, write_entries
from seq_amodal_ros.evaluation.sample import DatasetError
from seq_amodal_ros.scene import bounding_box, layer_masks, occlusion_layers
from tqdm import tqdm
from training.arrays import Arrays
from training.commands import command, parser_of
from training.datasets.annotations import describe, read_scene, Source
from training.datasets.keymap import read_keymap
from training.datasets.preprocess import Prepared
from training.shards import complete, parts_folder, read_parts

BATCH = 32  # images of a part file
SEED = 0  # of --limit
Entries = Sequence[tuple[dict, list[dict]]]
Scenes = Iterable[tuple[str, Prepared]]


@dataclass(frozen=True)
class Batch:
    """Images with their annotations that one part file holds."""

    source: Source
    entries: Entries
    skip_bad: bool


@dataclass
class Tally:
    """What became of the images: written (and their objects), left out by reason, bad."""

    images: int = 0
    objects: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the counts in words; what was bad is listed."""
        reasons = ', '.join(f'{n} for {why}' for why, n in self.left_out.most_common())
        left_out = f'{self.left_out.total()} left out{f" ({reasons})" if reasons else ""}'
        return '\n  '.join([f'{self.images} images with {self.objects} objects written, '
                            f'{left_out}, {len(self.bad)} faults skipped', *self.bad])


def convert_batch(batch: Batch) -> Arrays:
    """Return a batch's results: of each image id, `Prepared`'s arrays, or `left_out`, or `bad`."""
    found: Arrays = {}
    for image, annotations in batch.entries:
        try:
            scene = read_scene(batch.source, image, annotations)
        except DatasetError as error:
            if not batch.skip_bad:
                raise
            found[f'{image["id"]}.bad'] = np.array(str(error))
            continue
        if isinstance(scene, str):
            found[f'{image["id"]}.left_out'] = np.array(scene)
        else:
            found |= {f'{image["id"]}.{key}': value for key, value in vars(scene).items()}
    return found


def convert(source: Source, out: Path, output: str, limit: int | None, workers: int,
            skip_bad: bool) -> Tally:
    """
    Write a data set into the new folder `out`; `output` is one of FORMATS.

    Raises DatasetError, naming file, id and key, for what is bad (if `skip_bad`, only if nothing
    is left), for a folder that cannot be written or an `out` that is there; ValueError while
    another process writes it.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f'{out}: exists already; remove it, or choose another --out')
    if workers < 1 or (limit is not None and limit < 1):
        raise ValueError(f'--workers {workers}, --limit {limit}: both count from 1')
    entries, faults = read_entries(source.path)
    if faults and not skip_bad:
        raise DatasetError(f'{faults[0]}; mend it, or leave out what is bad by --skip-bad')
    if not entries:
        raise DatasetError(f'{source.path}: images: an empty split, there is nothing to convert')
    tally = Tally(bad=faults)
    folder = out.with_name(f'{out.name}.parts')
    with _writing(folder), parts_folder(out, _settings(source, limit)):
        try:
            paths = complete(folder, _batches(source, _chosen(entries, limit), skip_bad),
                             convert_batch, workers, 'converted')
            _assemble(folder / 'set', _scenes(paths, tally, skip_bad), output)
            if tally.images:
                (folder / 'set').replace(out)
        finally:
            shutil.rmtree(folder / 'set', ignore_errors=True)
            if not any(folder.glob('*.npz')):
                shutil.rmtree(folder)
        shutil.rmtree(folder)
    if not tally.images:
        raise DatasetError(f'{source.path}: nothing is left to write: {tally}')
    return tally


def _settings(source: Source, limit: int | None) -> dict[str, Any]:
    """
    Return what parts depend on; those of a run with other settings are not gone on with.

    Not the format, which is made at the end, nor --skip-bad: see `_scenes`.
    """
    digest = hashlib.sha256()
    with source.path.open('rb') as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return {'json': str(source.path.resolve()), 'sha256': digest.hexdigest(), 'batch': BATCH,
            'images': str(source.images.resolve()), 'limit': limit, **source.keys.settings}


def _chosen(entries: Entries, limit: int | None) -> Entries:
    """Return all images, or as many drawn at random, the same each time, in the file's order."""
    if limit is None or limit >= len(entries):
        return entries
    drawn = np.random.default_rng(SEED).permutation(len(entries))[:limit]
    return [entries[i] for i in np.sort(drawn)]


def _batches(source: Source, entries: Entries, skip_bad: bool) -> dict[str, Batch]:
    return {f'{start:09d}': Batch(source, entries[start:start + BATCH], skip_bad)
            for start in range(0, len(entries), BATCH)}


def _scenes(paths: Sequence[Path], tally: Tally, skip_bad: bool) -> Iterator[tuple[str, Prepared]]:
    """
    Yield what is to be written, by image id, and count all into `tally`.

    A part with a fault that an interrupted run skipped is an error if this run does not; it goes,
    so that it is made anew.
    """
    for path in tqdm(paths, desc='written', disable=None):
        [part] = read_parts([path])
        images: dict[str, Arrays] = {}
        for name, value in part.items():
            number, key = name.split('.')
            images.setdefault(number, {})[key] = value
        for number, found in images.items():
            if 'bad' in found:
                if not skip_bad:
                    path.unlink()
                    raise DatasetError(str(found['bad']))
                tally.bad.append(str(found['bad']))
            elif 'left_out' in found:
                tally.left_out[str(found['left_out'])] += 1
            else:
                tally.images += 1
                tally.objects += len(found['masks'])
                yield f'{int(number):012d}', Prepared(**found)


def _write_coco(folder: Path, scenes: Scenes) -> None:
    """Write images/ and annotations.json; a picture's name is its id in the source."""
    def entries() -> Iterator[tuple[dict, list[dict]]]:
        first = 1
        for image_id, (name, scene) in enumerate(scenes, start=1):
            file_name = f'images/{name}.png'
            Image.fromarray(scene.image).save(folder / file_name)
            height, width = scene.image.shape[:2]
            layers = occlusion_layers(scene.z)
            yield ({'id': image_id, 'file_name': file_name, 'height': height, 'width': width},
                   [annotation_of(first + i, image_id, mask, scene.visible[i], int(layers[i]),
                                  bounding_box(mask),
                                  [first + int(j) for j in np.flatnonzero(scene.z[i])])
                    for i, mask in enumerate(scene.masks)])
            first += len(scene.masks)

    (folder / 'images').mkdir()
    write_entries(folder / 'annotations.json', entries())


def _write_sas(folder: Path, scenes: Scenes) -> None:
    for name, scene in scenes:
        sas.write(folder, name, scene.image, layer_masks(scene.masks, occlusion_layers(scene.z)))


FORMATS = {'coco': _write_coco, 'sas': _write_sas}


def _assemble(folder: Path, scenes: Scenes, output: str) -> None:
    """Write the set into `folder`, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    FORMATS[output](folder, scenes)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a full disk, or a folder that cannot be written, into a DatasetError."""
    try:
        yield
    except OSError as error:
        raise DatasetError(f'{folder}: cannot be written ({error}); make room, or choose another '
                           '--out; what is done is kept, run the same command again') from error


@command('convert')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('--describe', type=Path, metavar='JSON', help='print its keys, no more')
    parser.add_argument('--json', type=Path, help='COCO-style file')
    parser.add_argument('--images', type=Path, metavar='DIR', help='its file names start here')
    parser.add_argument('--keys', help='name or .yaml of a key map')
    parser.add_argument('--out', type=Path, metavar='DIR', help='a new folder')
    parser.add_argument('--format', choices=FORMATS, default='coco')
    parser.add_argument('--limit', type=int, help='only so many images, drawn at random')
    parser.add_argument('--workers', type=int, default=2, help='processes')
    parser.add_argument('--skip-bad', action='store_true', help='leave out and list what is bad')
    given = parser.parse_args(arguments)
    lacking = [f'--{name}' for name in ('json', 'images', 'keys', 'out')
               if getattr(given, name) is None]
    if lacking and not given.describe:
        parser.error(f'give {", ".join(lacking)}, or --describe')
    if given.describe:
        print(describe(given.describe))
    else:
        source = Source(given.json, given.images, read_keymap(given.keys))
        print(convert(source, given.out, given.format, given.limit, given.workers,
                      given.skip_bad))


if __name__ == '__main__':
    raise SystemExit(main())
