"""
A look inside the data engine: contact sheets of scenes with their masks, and statistics.

    python -m training.preview --protocols mixed --cutouts fruit.npz --out out/preview

writes OUT/PROTOCOL.sheet.png (scenes, and the same with all amodal masks, numbered by layer) and
OUT/PROTOCOL.statistics.png, and prints the statistics.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
from matplotlib.figure import Figure
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from seq_amodal_ros.evaluation.pictures import draw_by_layer
from seq_amodal_ros.scene import LayeredScene
import torch
from torch import Tensor
from training.commands import (
    add_backgrounds,
    add_cutouts,
    check_folder,
    check_range,
    command,
    parser_of,
)
from training.cutouts import Cutouts
from training.engine.compositor import Compositor
from training.engine.photographs import read_photographs
from training.engine.protocols import check_photographs, Protocol, read_protocols
from training.engine.scenes import overlaps_of, Scenes
from training.engine.sources import sources_of

COLUMNS = 8
PANEL = 192
MOST_PIXELS = 1 << 28  # of all masks of a protocol's scenes, which are in memory at once


def contact_sheet(scenes: Scenes, count: int) -> NDArray[np.uint8]:
    """Return `count` scenes above the same with their masks, uint8 RGB, COLUMNS a row."""
    rows = []
    for start in range(0, count, COLUMNS):
        chosen = range(start, min(start + COLUMNS, count))
        pictures = [_panel(scenes.picture(i)) for i in chosen]
        masked = [draw_by_layer(_panel(scenes.picture(i)), _panel_scene(scenes, i)) for i in chosen]
        for row in (pictures, masked):
            row += [np.full((PANEL, PANEL, 3), 255, np.uint8)] * (COLUMNS - len(row))
            rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows)


def _panel(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, (PANEL, PANEL), interpolation=cv2.INTER_AREA), np.uint8)


def _panel_scene(scenes: Scenes, index: int) -> LayeredScene:
    masks = torch.nn.functional.interpolate(
        scenes.masks[index:index + 1].float(), (PANEL, PANEL), mode='bilinear') > 0.5
    layers = scenes.layers[index:index + 1] * masks.any(dim=(2, 3))
    return Scenes(scenes.image[index:index + 1], masks, layers).layered(0)


def statistics(scenes: Scenes) -> dict[str, NDArray]:
    """
    Return what is drawn: one number a scene or an object.

    objects and depth int64 [B]; layer int64, visible and size float [objects]: occlusion layer,
    visible fraction and share of the image; overlap float [pairs]: share of the smaller object of
    a pair that lies on or under the other.
    """
    there = scenes.layers > 0
    area = scenes.masks.sum(dim=(2, 3))
    shared = overlaps_of(scenes.masks).tril(-1)
    smaller = torch.minimum(area[:, :, None], area[:, None])
    pairs = shared > 0
    return {name: value.numpy() for name, value in {
        'objects': there.sum(dim=1), 'depth': scenes.layers.amax(dim=1),
        'layer': scenes.layers[there],
        'visible': scenes.visible.sum(dim=(2, 3))[there] / area[there],
        'size': area[there] / scenes.masks[0, 0].numel(),
        'overlap': shared[pairs] / smaller[pairs]}.items()}


def plot(found: dict[str, NDArray]) -> Figure:
    """Return histograms of `statistics`, one a panel."""
    figure = Figure(figsize=(12, 6), layout='constrained')
    panels = figure.subplots(2, 3).flat
    titles = {'objects': 'objects a scene', 'depth': 'layers a scene',
              'layer': 'objects on each layer', 'visible': 'visible fraction of objects',
              'size': 'share of the image', 'overlap': 'overlap of pairs, share of the smaller'}
    for axis, (name, title) in zip(panels, titles.items()):
        values = found[name]
        whole = values.dtype.kind == 'i'
        bins = np.arange(values.max(initial=1) + 2) - 0.5 if whole else 20
        axis.hist(values, bins=bins, color='#4477aa')
        axis.set_title(title)
    return figure


def summary(found: dict[str, NDArray]) -> str:
    """Return the statistics in words."""
    def median(values: NDArray) -> str:
        return f'{np.median(values):.2f}' if len(values) else 'none'

    depth = np.bincount(found['depth'])
    shares = ', '.join(f'{layer}: {100 * n / depth.sum():.0f} %'
                       for layer, n in enumerate(depth) if n)
    return (f'{len(found["depth"])} scenes, {found["objects"].mean():.1f} objects each; scenes by '
            f'number of layers: {shares}; median visible fraction of what is not on layer 1: '
            f'{median(found["visible"][found["layer"] > 1])}; median overlap of a pair: '
            f'{median(found["overlap"])}')


def draw(protocol: Protocol, sources: tuple[Sequence[Cutouts], Sequence[float]], out: Path,
         count: int, side: int, seed: int, photographs: Tensor | None = None) -> None:
    """Write sheet and statistics of `count` scenes of a protocol; print the statistics."""
    scenes = Compositor(*sources, protocol, side, seed=seed, photographs=photographs).scenes(count)
    stem = out / protocol.name
    Image.fromarray(contact_sheet(scenes, min(count, 4 * COLUMNS))).save(f'{stem}.sheet.png')
    found = statistics(scenes)
    plot(found).savefig(f'{stem}.statistics.png')
    print(f'{protocol.name}: {summary(found)}; see {stem}.sheet.png and {stem}.statistics.png')


@command('preview')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('--protocols', nargs='+', default=['mixed'], help='names or .yaml files')
    add_cutouts(parser)
    add_backgrounds(parser)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--scenes', type=int, default=256)
    parser.add_argument('--side', type=int, default=128, help='pixels')
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args(arguments)
    for name, least, most in (('side', 32, 2048), ('seed', 0, 1 << 31)):
        check_range(f'--{name}', getattr(given, name), least, most)
    protocols = list(read_protocols(given.protocols).values())
    masks = given.side ** 2 * max(protocol.objects[1] for protocol in protocols)
    check_range('--scenes', given.scenes, 1, max(1, MOST_PIXELS // masks))
    photographs = given.backgrounds and read_photographs(given.backgrounds)
    if photographs is not None:
        check_photographs(protocols)
    check_folder(given.out)
    drawn_of = [sources_of(given.cutouts, protocol, seed=given.seed) for protocol in protocols]
    for protocol, sources in zip(protocols, drawn_of):
        draw(protocol, sources, given.out, given.scenes, given.side, given.seed, photographs)


if __name__ == '__main__':
    raise SystemExit(main())
