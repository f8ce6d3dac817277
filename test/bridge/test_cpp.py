"""The header for C++, built by CMake as a planner's package is, reads masks as Python does."""

from pathlib import Path
import subprocess

import numpy as np
import pytest
from seq_amodal_ros.bridge.masks import pack
from seq_amodal_ros.bridge.scenes import scene_to_message
from seq_amodal_ros.planning import graspable_region
from seq_amodal_ros.scene import AmodalObject, LayeredScene
from std_msgs.msg import Header


@pytest.fixture(scope='module')
def planner(tmp_path_factory):
    """Return a function that has messages read in C++; it gives the lines that come out."""
    build = tmp_path_factory.mktemp('build')
    for command in (['cmake', '-S', str(Path(__file__).parent / 'cpp'), '-B', str(build)],
                    ['cmake', '--build', str(build)]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def read(*messages):
        text = '\n'.join(map(as_text, messages))
        return subprocess.run([str(build / 'planner')], input=text, capture_output=True, text=True,
                              check=True).stdout.splitlines()
    return read


def as_text(message):
    """Return a LayeredAmodalMasks as planner.cpp reads it."""
    words = [message.height, message.width, len(message.objects)]
    for item in message.objects:
        words += [item.layer, 1 + len(item.hypotheses)]
        for mask in (item.mask, *item.hypotheses):
            words += [mask.x, mask.y, mask.width, mask.height, len(mask.data), *mask.data]
    return ' '.join(map(str, words))


def random_scene(rng):
    """Return up to three objects, one under the other, of random masks."""
    height, width = rng.integers(1, 30, 2)
    objects = []
    for i in range(1, rng.integers(2, 5)):
        mask = rng.random((height, width)) < 0.4
        mask[rng.integers(height), rng.integers(width)] = True
        objects.append(AmodalObject(i, i, mask, rng.random((3, height, width)) < 0.7, 0.5,
                                    (i - 1,) if i > 1 else ()))
    return LayeredScene(int(height), int(width), tuple(objects))


def bits(mask):
    """Return a mask as a line of 0 and 1."""
    return ''.join(map(str, mask.astype(int).ravel()))


def test_masks_and_what_may_be_touched_are_as_in_python(planner):
    rng = np.random.default_rng(0)
    scenes = [random_scene(rng) for _ in range(100)]
    lines = planner(*(scene_to_message(scene, Header(), 'm') for scene in scenes))
    wanted = [line for scene in scenes for item in scene.objects for line in (
        bits(item.mask), bits(graspable_region(scene, item.id, margin=0)))]
    assert lines == wanted


def spoilt(changes):
    """Return a mask of 3 x 2 pixels with wrong fields."""
    mask = np.zeros((8, 8), bool)
    mask[1:3, 2:5] = True
    packed = pack(mask)
    for name, value in changes.items():
        setattr(packed, name, value)
    return packed


def whole(size=8):
    """Return the message of one object that fills a square image."""
    mask = np.ones((size, size), bool)
    return scene_to_message(
        LayeredScene(size, size, (AmodalObject(1, 1, mask, mask[None], 1.0),)), Header(), 'm')


@pytest.mark.parametrize('changes, reason', [
    ({'x': 6}, 'region of a mask reaches to column 9 and row 3, beyond the image of 8x8'),
    ({'height': 2**32 - 1}, 'row 4294967296, beyond the image'),
    ({'data': b'\x00'}, 'data holds 1 bytes, the region needs 2'),
])
def test_malformed_masks_and_hypotheses_are_refused(planner, changes, reason):
    message = whole()
    message.objects[0].mask = spoilt(changes)
    line, = planner(message)
    assert reason in line
    message = whole()
    message.objects[0].hypotheses = [spoilt(changes)]
    mask, line = planner(message)
    assert mask == '1' * 64 and reason in line


def test_absurd_images_are_refused_before_memory_is_taken(planner):
    message = whole()
    message.height = message.width = 2**32 - 1
    line, = planner(message)
    assert 'height x width is 4294967295 x 4294967295: must be 1 to 67108864 pixels' in line
