"""Scenes survive the message whole, through real serialisation."""

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from seq_amodal_ros.bridge.masks import pack
from seq_amodal_ros.bridge.scenes import (
    bounding_box_2d,
    message_class,
    message_to_scene,
    scene_to_message,
)
from seq_amodal_ros.scene import AmodalObject, Box, LayeredScene, MaskError, SceneError
from std_msgs.msg import Header


@st.composite
def scenes(draw):
    """Draw scenes of up to four objects of random masks, each under the one before or not."""
    height, width = draw(st.integers(2, 24)), draw(st.integers(2, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    objects = []
    for i in range(1, draw(st.integers(0, 4)) + 1):
        mask = rng.random((height, width)) < 0.3
        mask[rng.integers(height), rng.integers(width)] = True
        below = bool(objects) and draw(st.booleans())
        layer = objects[-1].layer + 1 if below else 1
        objects.append(AmodalObject(i, layer, mask, rng.random((3, height, width)) < 0.2,
                                    float(np.float32(rng.random())), (i - 1,) if below else ()))
    return LayeredScene(height, width, tuple(objects))


@given(scenes())
@settings(deadline=None, max_examples=50)
def test_the_round_trip_is_exact(scene):
    kind = message_class()
    message = deserialize_message(serialize_message(scene_to_message(scene, Header(), 'm')), kind)
    back = message_to_scene(message)
    assert (back.height, back.width) == (scene.height, scene.width)
    assert len(back.objects) == len(scene.objects)
    for ours, theirs in zip(scene.objects, back.objects):
        assert (ours.id, ours.layer, ours.score, ours.occluders) == (
            theirs.id, theirs.layer, theirs.score, theirs.occluders)
        assert (ours.mask == theirs.mask).all()
        assert (ours.hypotheses == theirs.hypotheses).all()


@pytest.fixture
def message():
    """Return the message of a half hidden object under another."""
    front, back = np.zeros((2, 8, 10), bool)
    front[0:4, 0:4], back[2:6, 0:4] = True, True
    scene = LayeredScene(8, 10, (AmodalObject(1, 1, front, front[None], 1.0),
                                 AmodalObject(2, 2, back, back[None], 0.5, (1,))))
    header = Header(frame_id='camera')
    header.stamp.sec = 7
    return scene_to_message(scene, header, 'weights@0')


def test_the_header_is_the_image_s(message):
    assert (message.header.frame_id, message.header.stamp.sec) == ('camera', 7)
    assert message.model == 'weights@0'


def test_fields_are_what_the_msg_file_says(message):
    back = message.objects[1]
    assert (back.layer, list(back.occluders), back.visible_fraction) == (2, [1], 0.5)
    centre = back.box.center.position
    assert (centre.x, centre.y, back.box.size_x, back.box.size_y) == (2.0, 4.0, 4.0, 4.0)


def test_the_box_of_one_pixel_centres_on_half():
    box = bounding_box_2d(Box(0, 0, 1, 1))
    assert (box.center.position.x, box.center.position.y, box.size_x) == (0.5, 0.5, 1.0)


@pytest.mark.parametrize('spoil, kind, reason', [
    (lambda m: setattr(m.objects[1].mask, 'x', 9), MaskError, 'object 2: region'),
    (lambda m: setattr(m.objects[1], 'id', 1), SceneError, 'object 1: the id is used twice'),
    (lambda m: setattr(m.objects[1], 'layer', 1), SceneError, 'object 2 on layer 1: occluder 1'),
    (lambda m: setattr(m.objects[1], 'occluders', [5]), SceneError, 'occluder 5 is not in'),
    (lambda m: setattr(m.objects[0], 'score', 2.0), SceneError, 'score must lie in 0 to 1'),
    (lambda m: setattr(m, 'height', 2**31), MaskError, 'height x width is 2147483648 x'),
])
def test_messages_that_cannot_be_a_scene_name_the_object(message, spoil, kind, reason):
    spoil(message)
    with pytest.raises(kind, match=reason):
        message_to_scene(message)


def test_a_scene_that_the_other_side_would_not_read_is_not_sent():
    mask = np.ones((64, 64), bool)
    scene = LayeredScene(64, 64, (AmodalObject(1, 1, mask, np.repeat(mask[None], 4096, 0), 1.0),))
    with pytest.raises(MaskError, match='ask for fewer hypotheses'):
        scene_to_message(scene, Header(), 'm')


@pytest.mark.parametrize('side, hypotheses', [(10, 4096), (8192, 64)])
def test_more_than_memory_should_hold_is_refused(message, side, hypotheses):
    message.height = message.width = side
    message.objects = message.objects[:1]
    message.objects[0].hypotheses = [pack(np.zeros((1, 1), bool))] * hypotheses
    with pytest.raises(MaskError, match='are more than a message may hold'):
        message_to_scene(message)


def test_a_box_is_as_wide_and_as_high_as_it_is():
    box = bounding_box_2d(Box(2, 3, 4, 6))
    centre = box.center.position
    assert (centre.x, centre.y, box.size_x, box.size_y) == (4.0, 6.0, 4.0, 6.0)
