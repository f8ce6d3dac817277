r"""
The fixed test sets: scenes of objects that training never sees, from seeds, with checksums.

    python -m training.testsets --out runs/testsets --sets mixed bin physics
    python -m training.testsets --out runs/testsets --sets fruit classes \
        --cutouts fruit.npz fruit_test.npz ycb.npz

writes OUT/SET/annotations.json (amodal COCO) of 200 scenes at 256 x 256. `mixed`, `bin` and
`physics` are made of meshes of the test split and of drawn objects of a seed of their own, and
need nothing from outside the package registries. `fruit`, a stand-in for Intra-AFruit, is made of
the varieties that the training's config holds out, `classes` of whole classes that it holds out,
arranged as in `mixed`; so is `drawn`, of drawn objects alone. For the same pixels on every x86-64
processor, libraries are held to what all of them have (training.rounding). A set that is there
already is kept if it was made with the same settings, which OUT/SET.settings.json states; if not,
that is an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
import hashlib
import json
from pathlib import Path
import shutil
from typing import Any

import numpy as np
from PIL import Image
from seq_amodal_ros.evaluation.amodal_coco import samples, write_amodal_coco
from seq_amodal_ros.files import write_atomic
from seq_amodal_ros.scene import LayeredScene
from tqdm import tqdm
from training.commands import add_cutouts, check_folder, check_range, command, parser_of
from training.config import DEFAULT, read_config
from training.cutouts import Cutouts, read_cutouts
from training.engine.compositor import Compositor
from training.engine.protocols import Protocol, read_protocol
from training.engine.sources import sources_of
from training.locks import LOCK, locked
from training.meshes.atlas import render_atlas, VIEWS
from training.meshes.piles import OBJECTS, write_piles
from training.rounding import round_alike

SETS = ('fruit', 'classes', 'drawn', 'mixed', 'bin', 'physics')
FROM_CUTOUTS = {'fruit': 'varieties', 'classes': 'classes'}  # what of the held-out cutouts
UNBROUGHT = ['mixed', 'bin', 'physics']  # those that need nothing from outside the registries
CHECKSUMS = Path(__file__).with_name('testsets.json')
SCENES, SIDE, SEED = 200, 256, 20_261_124
BATCH = 10


def compose(sources: tuple[Sequence[Cutouts], Sequence[float]], protocol: Protocol, out: Path,
            count: int, side: int, seed: int = SEED, zoom: float = 1.0) -> None:
    """
    Write `count` scenes of a protocol, `zoom` times as near, as amodal COCO.

    The folder `out` appears when all are there.
    """
    compositor = Compositor(*sources, protocol, side, seed=seed, zoom=(zoom, zoom))
    part = out.with_name(f'.{out.name}.part')
    shutil.rmtree(part, ignore_errors=True)
    (part / 'images').mkdir(parents=True)
    scenes: dict[str, LayeredScene] = {}
    bar = tqdm(total=count, desc=out.name, unit='scene', disable=None)
    while len(scenes) < count:
        batch = compositor.scenes(min(BATCH, count - len(scenes)))
        for i in range(len(batch.layers)):
            name = f'images/{len(scenes):05d}.png'
            Image.fromarray(batch.picture(i)).save(part / name)
            scenes[name] = batch.layered(i)
            bar.update()
    bar.close()
    write_amodal_coco(part / 'annotations.json', scenes)
    part.rename(out)


def checksum(path: Path) -> str:
    """Return SHA-256 over pictures, masks, layers and Z of a set, as decoded: 64 hex digits."""
    digest = hashlib.sha256()
    for sample in samples(path):
        for array in (sample.read(), np.packbits(sample.masks), sample.layers.astype('<i8'),
                      np.packbits(sample.occluded)):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """Return a file's SHA-256, 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def settings_of(name: str, cutouts: Sequence[Path], count: int, side: int, views: int,
                objects: int | None) -> dict[str, Any]:
    """Return all that the pixels of a set depend on, beside this code."""
    found: dict[str, Any] = {'scenes': count, 'side': side, 'seed': SEED}
    if name in FROM_CUTOUTS:
        found['cutouts'] = [digest_of(path) for path in cutouts]
    elif name in ('mixed', 'bin'):
        found.update(views=views, objects=objects)
    return found


def note_of(folder: Path) -> Path:
    """Return where the settings of a set are noted; before it is made, so that each has a note."""
    return folder.with_name(f'{folder.name}.settings.json')


def check_kept(folder: Path, settings: dict[str, Any]) -> bool:
    """
    Return whether a set is there; raises ValueError, naming it, for another one than asked for.

    It is another if its settings are not those, or are not known.
    """
    if not folder.exists():
        return False
    note = note_of(folder)
    given = note.read_text() if note.is_file() else 'unknown settings'
    if not (folder / 'annotations.json').is_file() or given != json.dumps(settings):
        raise ValueError(f'{folder}: holds something else than is asked for ({given}, not '
                         f'{json.dumps(settings)}); remove it, or give another --out')
    return True


def make(name: str, out: Path, cutouts: Sequence[Path], count: int, side: int, views: int,
         objects: int | None) -> None:
    """Make one of SETS in the folder `out`."""
    if name == 'physics':
        write_piles(out / name, count, 'test', side, OBJECTS, SEED)
        return
    protocol = read_protocol('mixed' if name in ('classes', 'drawn') else name)
    if name == 'classes':
        protocol = replace(protocol, procedural=0)
    if name in FROM_CUTOUTS:
        config = read_config(DEFAULT)
        sources = sources_of(cutouts, protocol, config.held_classes, config.held_varieties,
                             FROM_CUTOUTS[name])
    elif name == 'drawn':
        sources = sources_of([], protocol, seed=SEED)
    else:
        atlas = out / f'meshes_test_{views}_of_{objects or "all"}.npz'
        if not atlas.is_file():
            render_atlas(atlas, 'test', views, objects, seed=SEED)
        sources = sources_of([atlas], protocol, seed=SEED)
    compose(sources, protocol, out / name, count, side)


def made(out: Path, settings: Mapping[str, dict[str, Any]], asked: tuple[Any, ...],
         ) -> Iterator[tuple[str, str]]:
    """
    Yield name and checksum of each set, made or kept; `asked` is what `make` takes.

    Raises ValueError, before any is made, if another set than one asked for is there.
    """
    kept = {name: check_kept(out / name, wanted) for name, wanted in settings.items()}
    for name, wanted in settings.items():
        if not kept[name]:
            write_atomic(note_of(out / name), json.dumps(wanted).encode())
            make(name, out, *asked)
        yield name, checksum(out / name / 'annotations.json')


def verdict(name: str, found: str, reference: bool) -> str:
    """Return in words whether a set is the one that others measure on."""
    if not reference:
        return 'other settings than the reference, so there is no checksum to compare with'
    known = json.loads(CHECKSUMS.read_text()) if CHECKSUMS.is_file() else {}
    if name not in known:
        return f'no reference checksum for {name} yet'
    if known[name] == found:
        return 'the reference pixels'
    return ('NOT the reference pixels: made by an earlier commit (then remove it, and meshes_*.npz '
            'beside it), of other cutouts, or where a library rounds otherwise; say so beside '
            'scores')


@command('testsets')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--sets', nargs='+', choices=SETS, default=UNBROUGHT)
    add_cutouts(parser, 'for the sets fruit and classes')
    parser.add_argument('--scenes', type=int, default=SCENES)
    parser.add_argument('--side', type=int, default=SIDE, help='pixels')
    parser.add_argument('--views', type=int, default=VIEWS, help='of each mesh in the atlas')
    parser.add_argument('--objects', type=int, help='only the first so many meshes')
    given = parser.parse_args(arguments)
    usual = (given.scenes, given.side, given.views, given.objects) == (SCENES, SIDE, VIEWS, None)
    if given.scenes < 1:
        raise ValueError(f'--scenes {given.scenes}: it counts from 1')
    check_range('--side', given.side, 32, 2048)
    for name in FROM_CUTOUTS:
        if name in given.sets and not given.cutouts:
            raise ValueError(f'the set {name} needs --cutouts: no registry brings pictures of '
                             'fruit and of things at home')
    for path in given.cutouts:
        read_cutouts(path)  # said now if it is none, not after the other sets are made
    check_folder(given.out)
    cutouts = sorted(given.cutouts, key=digest_of)  # in any order the same pixels
    asked = (cutouts, given.scenes, given.side, given.views, given.objects)
    settings = {name: settings_of(name, *asked) for name in given.sets}  # each set once
    with locked(given.out):
        try:
            for name, found in made(given.out, settings, asked):
                print(f'{name}: {given.out / name}, checksum {found[:16]}: '
                      f'{verdict(name, found, usual)}')
        finally:
            (given.out / LOCK).unlink()


if __name__ == '__main__':
    round_alike()
    raise SystemExit(main())
