"""A bag is read back as any user would read it, by its own definitions, and by ROS itself."""

import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import CompressedImage
from seq_amodal_ros.bridge.bags import IMAGE_TOPIC
from seq_amodal_ros.bridge.images import decode_compressed, decode_image
from seq_amodal_ros.bridge.scenes import message_class, message_to_scene
from seq_amodal_ros.planning import pick_order
from seq_amodal_ros.scene import LayeredScene
from training.engine.compositor import Compositor
from training.engine.protocols import FOLDER, read_protocol
from training.engine.sources import sources_of
from training.make_bag import cleared, in_view, main, recorded, stacked_depth, View

FEW = ['--frames', '6', '--width', '160', '--height', '120', '--rate', '5']


@pytest.fixture(scope='module', params=['mcap', 'sqlite3'])
def bag(request, tmp_path_factory):
    """Return a small bag of each storage."""
    path = tmp_path_factory.mktemp(request.param) / 'pile'
    assert main(['--out', str(path), '--storage', request.param, '--compressed', *FEW]) == 0
    return path


def read(bag):
    """Return the bag's messages by topic: stamp, raw bytes and what its definitions make of it."""
    found = {}
    with AnyReader([bag]) as reader:
        for connection, stamp, raw in reader.messages():
            found.setdefault(connection.topic, []).append(
                (stamp, bytes(raw), reader.deserialize(raw, connection.msgtype)))
    return found


def test_every_topic_has_a_message_a_frame_with_one_stamp(bag):
    found = read(bag)
    assert set(found) == {'/camera/image_raw/compressed', '/camera/camera_info',
                          '/camera/depth/image_raw', '/ground_truth/masks'}
    stamps = {topic: [stamp for stamp, _, _ in messages] for topic, messages in found.items()}
    assert len(set(map(tuple, stamps.values()))) == 1
    assert np.diff(stamps['/camera/camera_info']).tolist() == [200_000_000] * 5


def test_the_truth_is_a_scene_of_the_image_and_ros_reads_it(bag):
    found = read(bag)
    for (_, raw, message), (_, image, _) in zip(found['/ground_truth/masks'],
                                                found['/camera/image_raw/compressed']):
        scene = message_to_scene(deserialize_message(raw, message_class()))
        pixels = decode_compressed(deserialize_message(image, CompressedImage))
        assert pixels.shape == (120, 160, 3)
        assert (scene.height, scene.width) == (120, 160)
        assert len(message.objects) == len(scene.objects)


def ordered(truth):
    """Return whether a truth's ids count from 1 and its layers follow pick order."""
    scene = message_to_scene(truth)
    return [item.id for item in scene.objects] == list(range(1, len(scene.objects) + 1)) and \
        [item.id for item in pick_order(scene)] == [item.id for item in scene.objects]


def test_objects_come_in_pick_order(bag, pile):
    for _, _, message in [*read(bag)['/ground_truth/masks'], *read(pile)['/ground_truth/masks']]:
        assert ordered(message)


def test_the_pile_is_cleared_from_the_top(bag):
    counts = [len(message.objects) for _, _, message in read(bag)['/ground_truth/masks']]
    assert counts[0] > 1
    assert counts[-1] == 0


def test_what_lies_on_more_is_nearer_to_the_camera(bag):
    found = read(bag)
    for (_, raw, _), (_, _, depth) in zip(found['/ground_truth/masks'],
                                          found['/camera/depth/image_raw']):
        scene = message_to_scene(deserialize_message(raw, message_class()))
        metres = np.asarray(depth.data).view(np.uint16).reshape(120, 160) / 1000
        for item in scene.objects:
            for occluder in item.occluders:
                below = metres[scene.visible_mask(item)]
                above = metres[scene.visible_mask(scene[occluder])]
                assert not below.size or not above.size or below.mean() > above.mean()


def test_depth_counts_what_lies_beneath():
    masks = np.zeros((2, 1, 4), bool)
    masks[0, 0, :2] = True
    masks[1, 0, 1:3] = True
    assert stacked_depth(masks, (1, 4), 1.0).tolist() == [[720, 720, 760, 800]]


def test_equal_seeds_give_equal_pictures(bag, tmp_path):
    again = tmp_path / 'again'
    assert main(['--out', str(again), '--compressed', *FEW]) == 0
    first, second = (read(path)['/camera/image_raw/compressed'] for path in (bag, again))
    for (_, a, _), (_, b, _) in zip(first, second):
        pixels = [decode_compressed(deserialize_message(raw, CompressedImage)).astype(int)
                  for raw in (a, b)]
        assert np.abs(pixels[0] - pixels[1]).max() <= 8  # JPEG after rounding


def test_a_bag_is_never_overwritten(bag, capsys):
    assert main(['--out', str(bag), *FEW]) == 2
    assert 'exists already' in capsys.readouterr().err


@pytest.mark.parametrize('wrong', [['--frames', '0'], ['--width', '4'], ['--rate', '0'],
                                   ['--rate', 'inf'], ['--seed', '-1'], ['--scene', '-1'],
                                   ['--protocol', 'nothing'], ['--cutouts', 'nothing.npz']])
def test_bad_settings_are_said_before_work_starts(tmp_path, capsys, wrong):
    out = tmp_path / 'bag'
    assert main(['--out', str(out), *wrong]) == 2
    assert capsys.readouterr().err.startswith('make_bag: ')
    assert not out.exists()


def test_the_bag_that_ships_is_a_pile_from_first_to_last_object(pile):
    found = read(pile)
    truth = [message for _, _, message in found['/ground_truth/masks']]
    assert len(truth) == len(found['/camera/image_raw/compressed']) == 30
    layers = [max((item.layer for item in message.objects), default=0) for message in truth]
    assert layers[0] >= 3
    assert layers[-1] == 0
    counts = [len(message.objects) for message in truth]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize('number', range(8))
def test_one_object_goes_at_a_time_and_none_comes(number, edited, tmp_path):
    protocol = read_protocol(str(edited(FOLDER / 'mixed.yaml', tmp_path / 'few.yaml',
                                        procedural=20)))
    compositor = Compositor(*sources_of([], protocol, seed=0), protocol, 128, seed=0)
    before = None
    for _, masks in cleared(compositor, number):
        if before is not None:
            kept = [mask for mask in before if any((mask == other).all() for other in masks)]
            assert len(masks) == len(kept) == len(before) - 1
        before = masks
    assert len(before) == 0


def test_only_what_shows_is_in_view():
    masks = np.zeros((3, 64, 64), bool)
    masks[0, :20], masks[1, :21, :9], masks[2, 10:30] = True, True, True
    assert in_view(masks).tolist() == masks[[0, 2]].tolist()  # of the second 9 pixels show
    assert len(in_view(masks[:0])) == 0


def test_a_view_is_said_in_its_colours_frame_and_by_the_cameras_matrix():
    image = np.full((48, 64, 3), (200, 10, 20), np.uint8)
    view = View(image, np.full((48, 64), 800, np.uint16), LayeredScene(48, 64, ()))
    for compressed, topic in ((True, f'{IMAGE_TOPIC}/compressed'), (False, IMAGE_TOPIC)):
        said = {topic: message for _, topic, message in recorded([view], 10, compressed)}
        decode = decode_compressed if compressed else decode_image
        assert np.abs(decode(said[topic]).astype(int) - image).max() <= 4
        assert {message.header.frame_id for message in said.values()} == {'camera_optical_frame'}
        assert said['/camera/depth/image_raw'].encoding == '16UC1'
        k = said['/camera/camera_info'].k.reshape(3, 3)
        assert k.tolist() == [[64, 0, 32], [0, 64, 24], [0, 0, 1]]
        assert (said['/camera/camera_info'].p.reshape(3, 4)[:, :3] == k).all()


def test_a_nearer_camera_is_nearer_to_what_is_stacked_too():
    assert stacked_depth(np.array([[[True, False]]]), (1, 2), 2.0).tolist() == [[360, 400]]
