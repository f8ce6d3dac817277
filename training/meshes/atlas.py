"""
Render cutouts of mesh objects, many views each, as training.cutouts reads them.

    python -m training.meshes.atlas --out meshes.npz --split train --views 6 --workers 2

Every object is a class of its own; each view has its own texture and light. An interrupted run
goes on with what lies in OUT.parts/. Equal seeds give equal files, whatever the workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import shutil

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.files import check_writable
from training.arrays import Arrays, save_arrays
from training.commands import command, parser_of
from training.cutouts import SIDE
from training.meshes.registry import mesh_objects, MeshError, MeshObject, SPLITS
from training.meshes.render import Camera, look_at, random_light, shrunk, Stage
from training.meshes.textures import random_texture
from training.shards import complete, parts_folder, read_parts

VIEWS = 6  # of an object
SUPERSAMPLING = 3
FILL = 0.94  # of the frame's side
COARSE = 128
FOV = 30.0
MIN_SHARE = 0.1  # of the frame; thinner views, edge on, show too little
TRIES = 8
WIDER = 1.06


@dataclass(frozen=True)
class Order:
    """What one part of the atlas holds: `views` pictures of one object."""

    item: MeshObject
    views: int
    seed: int


def render_views(order: Order) -> Arrays:
    """Return the views of one object: rgba uint8 [views, SIDE, SIDE, 4]."""
    rng = np.random.default_rng([order.seed, order.item.digest])
    with Stage() as stage:
        body = stage.load(order.item, 1.0)
        return {'rgba': np.stack([_view(stage, body, rng) for _ in range(order.views)])}


def _view(stage: Stage, body: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return one view, uint8 [SIDE, SIDE, 4], with a texture and a light of its own."""
    camera, towards = _chosen(stage, body, rng)
    light, texture = random_light(rng, towards), random_texture(rng, 1.0)
    picture = stage.picture(camera, light, SIDE * SUPERSAMPLING, shadow=True)
    for _ in range(TRIES):  # tips thinner than a coarse pixel may be cut
        if not _cut(picture.ids == body):
            break
        camera = camera.window(-WIDER, -WIDER, 2 * WIDER)
        picture = stage.picture(camera, light, SIDE * SUPERSAMPLING, shadow=True)
    inside = (picture.ids == body)[..., None].astype(np.float32)
    colour = stage.painted(picture, camera, {body: texture})
    return _cutout(shrunk(colour * inside, SUPERSAMPLING), shrunk(inside, SUPERSAMPLING))


def _cut(seen: NDArray[np.bool_]) -> bool:
    """Return whether the object bool [height, width] comes to the rim of the final picture."""
    rim = seen.copy()
    rim[SUPERSAMPLING:-SUPERSAMPLING, SUPERSAMPLING:-SUPERSAMPLING] = False
    return bool(rim.any())


def _chosen(stage: Stage, body: int, rng: np.random.Generator,
            ) -> tuple[Camera, NDArray[np.float64]]:
    """Return a framed camera and the direction [3] to it; of thin views the best of TRIES."""
    best = -1.0
    for _ in range(TRIES):
        direction = rng.normal(size=3)
        framed, share = _framed(stage, body, direction)
        if share > best:
            camera, towards, best = framed, direction, share
        if best >= MIN_SHARE:
            break
    return camera, towards


def _framed(stage: Stage, body: int, towards: NDArray[np.float64]) -> tuple[Camera, float]:
    """Return a camera that sees the body fill the frame, and the share of it that it covers."""
    middle = stage.bounds(body).mean(axis=0)
    camera = look_at(middle + 4 * towards / np.linalg.norm(towards), middle, FOV)
    light = random_light(np.random.default_rng(0), towards)
    seen = stage.picture(camera, light, COARSE).ids == body
    if not seen.any():
        return camera, 0.0
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    pixel = 2 / COARSE
    side = float(max(np.ptp(rows), np.ptp(columns)) + 1) * pixel / FILL
    across = (columns[0] + columns[-1] + 1) / 2 * pixel - 1
    up = 1 - (rows[0] + rows[-1] + 1) / 2 * pixel
    share = float(np.count_nonzero(seen)) * (pixel / side) ** 2
    return camera.window(across - side / 2, up - side / 2, side), share


def _cutout(premultiplied: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return RGBA; clear pixels take the object's mean colour, so that no rim turns dark."""
    mean = premultiplied.sum(axis=(0, 1)) / max(alpha.sum(), 1)
    colour = np.where(alpha > 0, premultiplied / np.maximum(alpha, 1e-6), mean)
    return np.rint(np.concatenate([colour, alpha], axis=2).clip(0, 1) * 255).astype(np.uint8)


def render_atlas(out: Path, split: str, views: int, count: int | None = None,
                 workers: int = 2, seed: int = 0) -> None:
    """
    Write the .npz file `out` with `views` of each of the first `count` objects of a split.

    Raises MeshError for settings that cannot be, or parts of an earlier run with other settings.
    """
    objects = mesh_objects(split)
    count = len(objects) if count is None else count
    if not (1 <= count <= len(objects) and views >= 1 and workers >= 1 and seed >= 0):
        raise MeshError(f'{count} objects, {views} views, {workers} workers, seed {seed}: each '
                        f'counts from 1 (the seed from 0), and {split} has {len(objects)} objects')
    orders = {str(item.digest): Order(item, views, seed) for item in objects[:count]}
    names = np.array([item.name for item in objects[:count]])
    with parts_folder(out, {'views': views, 'seed': seed}) as folder:
        parts = read_parts(complete(folder, orders, render_views, workers, 'objects'))
        save_arrays(out, {'rgba': np.concatenate([part['rgba'] for part in parts]),
                          'label': np.repeat(np.arange(count), views), 'class_names': names})
        shutil.rmtree(folder)


@command('atlas')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('--out', type=Path, required=True, metavar='NPZ')
    parser.add_argument('--split', choices=SPLITS, default='train', help='by object')
    parser.add_argument('--views', type=int, default=VIEWS, help='of each object')
    parser.add_argument('--objects', type=int, help='only the first so many')
    parser.add_argument('--workers', type=int, default=2, help='processes')
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args(arguments)
    check_writable(given.out)
    render_atlas(given.out, given.split, given.views, given.objects, given.workers, given.seed)
    print(given.out)


if __name__ == '__main__':
    raise SystemExit(main())
