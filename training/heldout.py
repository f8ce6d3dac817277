"""
Compose test sets from what training never saw, as amodal COCO.

    python -m training.heldout --cutouts fruit.npz ycb.npz --out runs/heldout

writes OUT/varieties/ (varieties held out, their classes known) and OUT/classes/ (whole classes
held out), each with annotations.json, by the split of the training's config. Score them with
`seq-amodal evaluate --coco OUT/varieties/annotations.json`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from PIL import Image
from seq_amodal_ros.evaluation.amodal_coco import write_amodal_coco
from seq_amodal_ros.scene import LayeredScene
from tqdm import trange
from training.compositor import Compositor
from training.config import DEFAULT, read_config
from training.cutouts import Cutouts, procedural_cutouts, read_cutouts, split

BATCH = 20


def compose(sources: list[Cutouts], count: int, seed: int, folder: Path, side: int,
            objects: tuple[int, int]) -> None:
    """Write `count` scenes of the sources, mixed by their number of cutouts, into `folder`."""
    compositor = Compositor(sources, [float(len(source)) for source in sources], side, objects,
                            seed=seed)
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    scenes: dict[str, LayeredScene] = {}
    for _ in trange(0, count, BATCH, desc=folder.name, unit='batch', disable=None):
        batch = compositor.scenes(min(BATCH, count - len(scenes)))
        for i in range(len(batch.layers)):
            name = f'images/{len(scenes):05d}.png'
            Image.fromarray(batch.picture(i)).save(folder / name)
            scenes[name] = batch.layered(i)
    write_amodal_coco(folder / 'annotations.json', scenes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cutouts', type=Path, nargs='*', default=[], metavar='NPZ',
                        help='files of cutouts; without any, procedural objects of another seed')
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--config', type=Path, default=DEFAULT)
    parser.add_argument('--scenes', type=int, default=300, help='of each set')
    parser.add_argument('--side', type=int, default=128, help='pixels')
    parser.add_argument('--seed', type=int, default=12345)
    given = parser.parse_args(arguments)
    try:
        config = read_config(given.config)
        parts = [split(read_cutouts(path), config.held_classes, config.held_varieties)
                 for path in given.cutouts]
        sets = {'varieties': [p[1] for p in parts if len(p[1])],
                'classes': [p[2] for p in parts if len(p[2])]}
        if not given.cutouts:
            import torch
            drawn = procedural_cutouts(200, torch.Generator().manual_seed(given.seed))
            sets = {'procedural': [drawn]}
        for name, sources in sets.items():
            compose(sources, given.scenes, given.seed, given.out / name, given.side,
                    config.objects)
    except ValueError as error:
        print(f'heldout: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
