"""Small COCO-style data sets, as others publish them: masks and order under keys of their own."""

import json
from types import SimpleNamespace

import numpy as np
from PIL import Image
import pytest
from training.datasets.convert import main

SIDE = 128
SQUARES = {1: (8, 8, 64), 2: (40, 40, 64), 3: (88, 88, 32)}  # by id: left, top, side; 1 is on top
MAP = {'amodal': 'amodal_segm', 'visible': '', 'order': 'occluded_by', 'order_key': 'under',
       'crop': 'none', 'size': 64, 'min_visible': 10, 'max_layers': 5}


def polygon(left, top, side):
    """Return a square as COCO polygons."""
    return [[left, top, left + side, top, left + side, top + side, left, top + side]]


def chain(image_id):
    """Return the annotations of a heap of three squares, each on the next."""
    return [{'id': 10 * image_id + i, 'image_id': image_id, 'amodal_segm': polygon(*square),
             'under': [10 * image_id + i - 1] if i > 1 else [], 'layer': i, 'z': {'near': 9 - i}}
            for i, square in SQUARES.items()]


@pytest.fixture
def foreign(tmp_path):
    """
    Return a data set of three images with three objects each, and how to convert it.

    content   of the JSON; a test may change it and call write()
    keys      the key map's settings, likewise
    arguments of the command line; run(*more) converts and returns the exit status
    """
    folder = tmp_path / 'foreign'
    (folder / 'pictures').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in (1, 2, 3):
        picture = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(picture).save(folder / 'pictures' / f'{i}.png')
    content = {'images': [{'id': i, 'file_name': f'{i}.png', 'height': SIDE, 'width': SIDE}
                          for i in (1, 2, 3)],
               'annotations': [entry for i in (1, 2, 3) for entry in chain(i)]}
    keys = dict(MAP)
    found = SimpleNamespace(
        content=content, keys=keys, json=folder / 'train.json', pictures=folder / 'pictures',
        map=folder / 'map.yaml', out=tmp_path / 'out' / 'set', polygon=polygon)
    found.arguments = ['--json', str(found.json), '--images', str(found.pictures), '--keys',
                       str(found.map), '--out', str(found.out), '--workers', '1']

    def write():
        found.json.write_text(json.dumps(content))
        found.map.write_text(json.dumps(keys))  # JSON is YAML

    def run(*more):
        write()
        return main([*found.arguments, *more])

    found.write, found.run = write, run
    return found


@pytest.fixture
def wide_picture():
    """Return what makes the first picture of a data set 192 pixels wide."""
    def make(foreign):
        Image.fromarray(np.zeros((SIDE, 192, 3), np.uint8)).save(foreign.pictures / '1.png')
        foreign.content['images'][0]['width'] = 192
    return make
