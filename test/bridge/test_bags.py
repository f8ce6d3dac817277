"""Bags are read by stamp, whatever the order of recording; what cannot be read is named."""

from contextlib import ExitStack
from pathlib import Path
import re
import sqlite3

import cv2
import numpy as np
import pytest
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from sensor_msgs.msg import CameraInfo, CompressedImage
from seq_amodal_ros.bridge import bags
from seq_amodal_ros.bridge.images import encode_image
from seq_amodal_ros.bridge.scenes import scene_to_message
from seq_amodal_ros.evaluation.report import score
from seq_amodal_ros.evaluation.sample import DatasetError
from seq_amodal_ros.scene import AmodalObject, LayeredScene
from std_msgs.msg import Header
from training.bags import typestore, write_bag

IMAGE, TRUTH, ANSWERS = bags.IMAGE_TOPIC, bags.TRUTH_TOPIC, bags.ANSWERS_TOPIC


def header(stamp):
    """Return a header of so many nanoseconds."""
    result = Header(frame_id='camera')
    result.stamp.sec, result.stamp.nanosec = divmod(stamp, bags.SECOND)
    return result


def image(stamp):
    """Return a picture as grey as its stamp."""
    return encode_image(np.full((4, 6, 3), stamp, np.uint8), header(stamp))


def jpeg(stamp):
    """Return a compressed picture."""
    data = cv2.imencode('.jpg', np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    return CompressedImage(header=header(stamp), format='jpeg', data=data)


def scene(stamp, columns=3, width=6):
    """Return the message of one object, as many columns wide."""
    mask = np.zeros((4, width), bool)
    mask[:, :columns] = True
    return scene_to_message(LayeredScene(4, width, (AmodalObject(1, 1, mask, mask[None], 1.0),)),
                            header(stamp), f'weights@{columns}')


def nothing(side):
    """Return the message of an image without objects."""
    message = scene(1)
    message.objects, message.height, message.width = [], side, side
    return message


@pytest.fixture(params=['mcap', 'sqlite3'])
def bag(request, tmp_path):
    """Return a function that writes messages, each after its time and topic, to a bag."""
    def written(*recorded):
        write_bag(tmp_path / 'bag', request.param, recorded)
        return tmp_path / 'bag'
    return written


@pytest.fixture
def opened():
    """Return a function that opens a bag beside its truth; all are closed with the test."""
    with ExitStack() as stack:
        yield lambda path, *topic: bags.Recording(stack.enter_context(bags.Bag(path)), *topic)


def test_the_documented_truth_is_read_with_what_its_layers_tell(bag, opened):
    text = (Path(__file__).parents[2] / 'docs/data.md').read_text()
    names = {}
    exec(re.search(r'```python\n(.*?)```', text, re.DOTALL)[1], names)
    masks = np.zeros((3, 4, 6), bool)
    masks[0, :, :3] = masks[1, :, 2:5] = masks[2, :, 4:] = True
    message = names['truth'](image(1), masks, [1, 2, 3])
    sample, = opened(bag((1, IMAGE, image(1)), (2, TRUTH, message))).samples()
    assert (sample.masks == masks).all()
    assert sample.layers.tolist() == [1, 2, 3]
    assert np.argwhere(sample.occluded).tolist() == [[1, 0], [2, 1]]


def test_the_bag_that_ships_is_pictures_with_their_truth(pile, opened):
    found = list(opened(pile).samples())
    assert len(found) == 30
    assert found[0].picture().shape == (480, 640, 3)
    assert found[0].masks.shape == (len(found[0].layers), 480, 640)
    assert found[0].layers.max() >= 3 and len(found[-1].layers) == 0
    assert found[0].name.endswith('/camera/image_raw/compressed at 1700000000.000000000')


def test_messages_go_together_by_stamp_in_whatever_order_they_came(bag, opened):
    path = bag((10, IMAGE, image(1)), (11, IMAGE, image(2)), (12, IMAGE, image(3)),
               (20, TRUTH, scene(3, 5)), (21, TRUTH, scene(1, 2)), (21, TRUTH, scene(9)))
    recording = opened(path)
    found = list(recording.samples())  # no truth is there of image 2, no image of truth 9
    assert [int(sample.picture()[0, 0, 0]) for sample in found] == [1, 3]
    assert [int(sample.masks.sum()) for sample in found] == [2 * 4, 5 * 4]
    assert (recording.used, recording.truths) == (2, 3)


def test_what_was_answered_is_counted_and_scored(bag, opened):
    path = bag(*((stamp, TRUTH, scene(stamp)) for stamp in (1, 2, 3, 4)),
               (5, ANSWERS, scene(2)), (6, ANSWERS, scene(4, 6)), (7, ANSWERS, scene(8)))
    recording = opened(path)
    result = score(recording.answers())
    assert result['images'] == recording.used == 2
    assert recording.truths == 4
    assert result['layers'][0]['iou'] == 75  # of one all, of one half
    assert recording.models == {'weights@3', 'weights@6'}
    assert result == score(recording.answers())  # it can be gone through again


def test_one_file_of_a_bag_is_enough_and_any_name_will_do(bag, opened, tmp_path):
    path = bag((1, IMAGE, image(1)), (1, TRUTH, scene(1)))
    data, = (item for item in path.iterdir() if item.suffix in ('.mcap', '.db3'))
    assert len(list(opened(data).samples())) == 1
    path.rename(tmp_path / 'renamed.bag')
    assert len(list(opened(tmp_path / 'renamed.bag').samples())) == 1


def test_what_other_topics_hold_does_not_matter(tmp_path, opened):
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        store = typestore()
        for topic, kind, message in (
                (IMAGE, 'sensor_msgs/msg/Image', image(1)),
                (TRUTH, 'seq_amodal_ros/msg/LayeredAmodalMasks', scene(1))):
            connection = writer.add_connection(topic, kind, typestore=store)
            writer.write(connection, 1, serialize_message(message))
        foreign = writer.add_connection('/foreign', 'foo_msgs/msg/Foo', msgdef='wstring text\n',
                                        rihs01='RIHS01_' + 64 * '0')
        writer.write(foreign, 1, b'nothing that can be read')
    assert len(list(opened(tmp_path / 'bag').samples())) == 1


def test_a_topic_that_nothing_came_on_does_not_stand_before_another(opened, tmp_path):
    with Writer(tmp_path / 'both', version=9) as writer:
        store = typestore()
        writer.add_connection(IMAGE, 'sensor_msgs/msg/Image', typestore=store)
        for topic, kind, message in (
                (f'{IMAGE}/compressed', 'sensor_msgs/msg/CompressedImage', jpeg(1)),
                (TRUTH, 'seq_amodal_ros/msg/LayeredAmodalMasks', scene(1))):
            connection = writer.add_connection(topic, kind, typestore=store)
            writer.write(connection, 1, serialize_message(message))
    sample, = opened(tmp_path / 'both').samples()
    assert sample.picture().shape == (4, 6, 3)


def test_stamps_come_twice_where_no_truth_asks_for_them(bag, opened):
    path = bag((1, IMAGE, image(0)), (2, IMAGE, image(0)), (3, IMAGE, image(1)),
               (3, TRUTH, scene(1)))
    assert len(list(opened(path).samples())) == 1


def test_who_lies_on_whom_is_told_by_layers_where_a_truth_leaves_it_out(bag, opened):
    masks = np.zeros((3, 4, 6), bool)
    masks[0, :, :3], masks[1, :, 2:], masks[2, 3] = True, True, True
    message = scene_to_message(LayeredScene(4, 6, tuple(
        AmodalObject(i, i, mask, mask[None], 1.0, lying_on)
        for i, mask, lying_on in zip((1, 2, 3), masks, ((), (1,), (2,))))), header(1), 'm')
    message.objects[1].occluders = []
    sample, = opened(bag((1, IMAGE, image(1)), (1, TRUTH, message))).samples()
    assert sample.occluded.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


def test_a_topic_that_is_not_there_is_said_before_anything_is_read(bag, opened):
    recording = opened(bag((1, IMAGE, image(1)), (1, TRUTH, scene(1))))
    with pytest.raises(DatasetError, match='no topic /wrong'):
        recording.samples('/wrong')


@pytest.mark.parametrize('recorded, reason', [
    ([(1, TRUTH, scene(1))], r'no topic /camera/image_raw or /camera/image_raw/compressed of .*; '
                             r'there are /ground_truth/masks \(seq_amodal_ros/msg'),
    ([(1, IMAGE, image(1))], 'no topic /ground_truth/masks of'),
    ([(1, IMAGE, CameraInfo(header=header(1))), (1, TRUTH, scene(1))], 'no topic /camera/image'),
    ([(1, IMAGE, image(1)), (2, TRUTH, scene(2))], 'no message of /camera/image_raw has the stamp'),
    ([(1, IMAGE, image(1)), (2, TRUTH, scene(1)), (3, TRUTH, scene(1))],
     r'/ground_truth/masks at 0\.000000001: another message has the same stamp'),
    ([(1, IMAGE, image(1)), (2, IMAGE, image(1)), (3, TRUTH, scene(1))],
     r'/camera/image_raw at 0\.000000001: another message has the same stamp'),
    ([(1, IMAGE, image(1)), (1, TRUTH, nothing(2 ** 32 - 1))], 'masks at .*: no scene .height x'),
    ([(1, IMAGE, image(1)), (1, TRUTH, scene(1, width=8))],
     r'image_raw at 0\.000000001: picture is 6x4, its masks are 8x4'),
])
def test_what_does_not_go_together_is_named(bag, opened, recorded, reason):
    path = bag(*recorded)
    with pytest.raises(DatasetError, match=reason):
        for sample in opened(path).samples():
            sample.picture()


def test_messages_that_cannot_be_are_named_by_topic_and_stamp(bag, opened):
    absurd, cut = scene(1), image(1)
    absurd.objects[0].layer = 0
    cut.height = 9
    path = bag((1, IMAGE, cut), (1, TRUTH, scene(1)), (1, '/absurd', absurd),
               (1, '/small', scene(1, width=4)))
    with pytest.raises(DatasetError, match=r'/camera/image_raw at 0\.000000001: no image \(data'):
        next(opened(path).samples()).picture()
    with pytest.raises(DatasetError, match=r'/absurd at 0\.000000001: no scene \(object 1'):
        next(opened(path, '/absurd').samples())
    with pytest.raises(DatasetError, match=r'/absurd at 0\.000000001: no scene \(object 1'):
        next(opened(path).answers('/absurd'))
    with pytest.raises(DatasetError, match=r'/small at 0\.000000001: 4x4, its truth is 6x4'):
        next(opened(path).answers('/small'))


def test_more_truth_than_is_kept_is_refused(bag, opened, monkeypatch):
    path = bag((1, TRUTH, scene(1)), (2, TRUTH, scene(2)))
    monkeypatch.setattr(bags, 'MAX_TRUTHS', 200)
    with pytest.raises(DatasetError, match='holds more than 0 GiB of truths; split the bag'):
        opened(path)


def test_a_bag_without_definitions_says_how_to_record_one(opened, tmp_path):
    path = tmp_path / 'bag'  # of sqlite3, since mcap always brings them
    write_bag(path, 'sqlite3', [(1, IMAGE, image(1)), (1, TRUTH, scene(1))])
    with sqlite3.connect(path / 'bag.db3') as database:
        database.execute('DELETE FROM message_definitions')
    with pytest.raises(DatasetError, match=r'no definition of seq_amodal_ros/msg/.*; record it'):
        opened(path)


def test_what_is_no_bag_is_named_in_one_line(tmp_path):
    (tmp_path / 'bad').mkdir()
    (tmp_path / 'bad' / 'metadata.yaml').write_text('a: [\n b: {\n')
    for path in (tmp_path / 'nowhere', tmp_path, tmp_path / 'bad'):
        with pytest.raises(DatasetError, match=rf'^{path}: no rosbag2 that can be read.*$'):
            bags.Bag(path)


@pytest.mark.parametrize('seed', range(40))
def test_a_broken_bag_is_said_to_be_so_or_read(bag, seed):
    path = bag(*((stamp, topic, make(stamp)) for stamp in (1, 2)
                 for topic, make in ((IMAGE, image), (TRUTH, scene))))
    rng = np.random.default_rng(seed)
    data_file, = (item for item in path.iterdir() if item.suffix in ('.mcap', '.db3'))
    data = bytearray(data_file.read_bytes())
    for place in rng.integers(len(data), size=4):
        data[place] = rng.integers(256)
    data_file.write_bytes(data[:rng.integers(len(data))] if seed % 4 == 0 else data)
    try:
        with bags.Bag(path) as broken:
            for sample in bags.Recording(broken).samples():
                sample.picture()
    except DatasetError as error:
        assert str(path) in str(error)


def test_an_answer_of_another_height_is_named(bag, opened):
    path = bag((1, TRUTH, scene(1)), (1, ANSWERS, nothing(6)))
    with pytest.raises(DatasetError, match=r'masks at 0\.000000001: 6x6, its truth is 6x4'):
        next(opened(path).answers())


def test_a_bags_file_is_named_as_the_bag(bag):
    path = bag((1, IMAGE, image(1)))
    data, = (item.name for item in path.iterdir() if item.name != 'metadata.yaml')
    assert data.startswith('bag.')
    assert data in (path / 'metadata.yaml').read_text()
