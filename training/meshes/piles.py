"""
Render piles of mesh objects, settled by physics, as amodal COCO with exact masks and layers.

    python -m training.meshes.piles --out runs/piles --scenes 200 --split test --objects 3 10

Objects are dropped into a bin or on a table and seen from above or obliquely. An interrupted run
goes on with what lies in OUT.parts/; OUT appears when all is done. Equal seeds give equal sets,
whatever the workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import shutil

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from seq_amodal_ros.evaluation.amodal_coco import write_amodal_coco
from seq_amodal_ros.scene import LayeredScene, occlusion_layers, OcclusionCycleError
from training.arrays import Arrays
from training.commands import check_folder, command, parser_of
from training.engine.scenes import layered_scene
from training.meshes.drop import drop_pile, Pile, reach
from training.meshes.registry import mesh_objects, MeshError, MeshObject, SPLITS
from training.meshes.render import Camera, look_at, random_light, shrunk, Stage
from training.meshes.textures import random_texture
from training.meshes.truth import front_first, Truth, truth_of
from training.shards import complete, parts_folder, read_parts

OBJECTS = 3, 10  # of a scene, fewest and most
SUPERSAMPLING = 2
TRIES = 30
FOV = 35.0
MOST = 31  # objects of a scene: of more, few show; a training takes no more


@dataclass(frozen=True)
class Order:
    """One scene: its number, the objects to draw from, how many (fewest, most), its side."""

    index: int
    items: tuple[MeshObject, ...]
    objects: tuple[int, int]
    side: int
    seed: int


def render_pile(order: Order) -> Arrays:
    """
    Return one scene: image uint8 [side, side, 3], masks bool [N, side, side], z bool [N, N].

    A draw that ends in an occlusion cycle, or with too few objects that show, is made anew; raises
    MeshError after TRIES of them.
    """
    for attempt in range(TRIES):
        rng = np.random.default_rng([order.seed, order.index, attempt])
        scene = _drawn(order, rng)
        if scene is not None:
            return scene
    raise MeshError(f'scene {order.index}: {TRIES} draws had an occlusion cycle or fewer than '
                    f'{order.objects[0]} objects that show; ask for other --objects')


def _drawn(order: Order, rng: np.random.Generator) -> Arrays | None:
    """Return one draw of a scene, or None for one that is of no use."""
    wanted = int(rng.integers(order.objects[0], order.objects[1] + 1))
    chosen = rng.choice(len(order.items), wanted, replace=wanted > len(order.items))
    with Stage() as stage:
        pile = drop_pile(stage, [order.items[i] for i in chosen], rng)
        if not pile.bodies:
            return None
        camera, towards = _camera(stage, pile, rng)
        light = random_light(rng, towards)
        truth = truth_of(stage, pile.bodies, camera, light, order.side)
        if len(truth.bodies) < order.objects[0]:
            return None
        try:
            occlusion_layers(truth.z)
        except OcclusionCycleError:
            return None
        textures = {body: random_texture(rng, 0.1) for body in truth.bodies}
        textures[pile.table] = random_texture(rng, 0.4)
        textures.update(dict.fromkeys(pile.walls, random_texture(rng, 0.4)))
        picture = stage.picture(camera, light, order.side * SUPERSAMPLING, shadow=True)
        image = shrunk(stage.painted(picture, camera, textures), SUPERSAMPLING)
        return _arrays(image, truth)


def _arrays(image: NDArray[np.float32], truth: Truth) -> Arrays:
    return {'image': np.rint(image.clip(0, 1) * 255).astype(np.uint8), 'masks': truth.masks,
            'visible': truth.visible, 'z': truth.z}


def _camera(stage: Stage, pile: Pile, rng: np.random.Generator,
            ) -> tuple[Camera, NDArray[np.float64]]:
    """Return a camera that sees the pile, and the direction [3] towards it: steep over a bin."""
    middle, radius = reach(stage, pile)
    tilt = np.radians(rng.uniform(0, 15 if pile.walls else 50))
    turn = rng.uniform(0, 2 * np.pi)
    towards = np.array([np.cos(turn) * np.sin(tilt), np.sin(turn) * np.sin(tilt), np.cos(tilt)])
    distance = radius * rng.uniform(0.55, 1.0) / np.tan(np.radians(FOV / 2)) + middle[2]
    return look_at(middle + distance * towards, middle, FOV), towards


def write_piles(out: Path, scenes: int, split: str, side: int, objects: tuple[int, int],
                seed: int, workers: int = 2) -> None:
    """
    Write `scenes` piles into the new folder `out`: images/ and annotations.json.

    Raises MeshError if `out` holds something already, for settings that cannot be, or for parts of
    an earlier run with other settings.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MeshError(f'{out}: exists already; remove it, or choose another --out')
    if not (scenes >= 1 and 32 <= side <= 2048 and 1 <= objects[0] <= objects[1] <= MOST
            and workers >= 1 and seed >= 0):
        raise MeshError(f'{scenes} scenes, side {side}, objects {objects[0]} to {objects[1]}, '
                        f'{workers} workers, seed {seed}: counts go from 1, the side from 32 to '
                        f'2048, the seed from 0, objects to {MOST}, and the fewest come first')
    items = tuple(mesh_objects(split))
    settings = {'split': split, 'side': side, 'objects': objects, 'seed': seed}
    orders = {f'{i:05d}': Order(i, items, objects, side, seed) for i in range(scenes)}
    with parts_folder(out, settings) as folder:
        _assemble(folder / 'set', complete(folder, orders, render_pile, workers, 'piles'))
        (folder / 'set').replace(out)
        shutil.rmtree(folder)


def _assemble(folder: Path, paths: list[Path]) -> None:
    """Write the set of the scenes' part files into `folder`, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / 'images').mkdir(parents=True)
    found: dict[str, LayeredScene] = {}
    visible: dict[str, NDArray[np.bool_]] = {}
    for path in paths:
        [part] = read_parts([path])
        name = f'images/{path.stem}.png'
        Image.fromarray(part['image']).save(folder / name)
        found[name] = layered_scene(part['masks'], part['z'])
        visible[name] = part['visible'][front_first(part['z'])]
    write_amodal_coco(folder / 'annotations.json', found, visible)


@command('piles')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='a new folder')
    parser.add_argument('--scenes', type=int, default=200)
    parser.add_argument('--split', choices=SPLITS, default='test', help='by object')
    parser.add_argument('--side', type=int, default=256, help='pixels')
    parser.add_argument('--objects', type=int, nargs=2, default=OBJECTS,
                        metavar=('FEWEST', 'MOST'), help='in a scene')
    parser.add_argument('--workers', type=int, default=2, help='processes')
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args(arguments)
    check_folder(given.out.parent)
    write_piles(given.out, given.scenes, given.split, given.side, tuple(given.objects),
                given.seed, given.workers)
    print(given.out / 'annotations.json')


if __name__ == '__main__':
    raise SystemExit(main())
