"""Bags are read by stamp, whatever the order of recording; what cannot be read is named."""

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo
from seq_amodal_ros.bridge import bags
from seq_amodal_ros.bridge.images import encode_image
from seq_amodal_ros.bridge.scenes import scene_to_message
from seq_amodal_ros.evaluation.report import score
from seq_amodal_ros.evaluation.sample import DatasetError
from seq_amodal_ros.scene import AmodalObject, LayeredScene
from std_msgs.msg import Header
from training.bags import write_bag

IMAGE, TRUTH, ANSWERS = bags.IMAGE_TOPIC, bags.TRUTH_TOPIC, bags.ANSWERS_TOPIC


def header(stamp):
    """Return a header of so many nanoseconds."""
    result = Header(frame_id='camera')
    result.stamp.sec, result.stamp.nanosec = divmod(stamp, bags.SECOND)
    return result


def image(stamp):
    """Return a picture as grey as its stamp."""
    return encode_image(np.full((4, 6, 3), stamp, np.uint8), header(stamp))


def scene(stamp, columns=3, width=6):
    """Return the message of one object, as many columns wide."""
    mask = np.zeros((4, width), bool)
    mask[:, :columns] = True
    return scene_to_message(LayeredScene(4, width, (AmodalObject(1, 1, mask, mask[None], 1.0),)),
                            header(stamp), f'weights@{columns}')


@pytest.fixture(params=['mcap', 'sqlite3'])
def bag(request, tmp_path):
    """Return a function that writes messages, each after its time and topic, to a bag."""
    def written(*recorded):
        write_bag(tmp_path / 'bag', request.param, recorded)
        return tmp_path / 'bag'
    return written


def test_the_bag_that_ships_is_pictures_with_their_truth(pile):
    found = list(bags.samples(pile))
    assert len(found) == 30
    assert found[0].picture().shape == (480, 640, 3)
    assert found[0].masks.shape == (len(found[0].layers), 480, 640)
    assert found[0].layers.max() >= 3 and len(found[-1].layers) == 0
    assert found[0].name.endswith('/camera/image_raw/compressed at 1700000000.000000000')


def test_messages_go_together_by_stamp_in_whatever_order_they_came(bag):
    path = bag((10, IMAGE, image(1)), (11, IMAGE, image(2)), (12, IMAGE, image(3)),
               (20, TRUTH, scene(3, 5)), (21, TRUTH, scene(1, 2)), (21, TRUTH, scene(9)))
    found = list(bags.samples(path))  # no truth is there of image 2, no image of truth 9
    assert [int(sample.picture()[0, 0, 0]) for sample in found] == [1, 3]
    assert [int(sample.masks.sum()) for sample in found] == [2 * 4, 5 * 4]


def test_what_was_answered_is_counted_and_scored(bag):
    path = bag(*((stamp, TRUTH, scene(stamp)) for stamp in (1, 2, 3, 4)),
               (5, ANSWERS, scene(2)), (6, ANSWERS, scene(4, 6)), (7, ANSWERS, scene(8)))
    answers = bags.Answers(path)
    result = score(answers)
    assert (result['images'], answers.frames) == (2, 4)
    assert result['layers'][0]['iou'] == 75  # of one all, of one half
    assert answers.models == {'weights@3', 'weights@6'}
    assert result == score(answers)  # it can be gone through again


@pytest.mark.parametrize('recorded, reason', [
    ([(1, TRUTH, scene(1))], r'no topic /camera/image_raw or /camera/image_raw/compressed of .*; '
                             r'there are /ground_truth/masks \(seq_amodal_ros/msg'),
    ([(1, IMAGE, image(1))], 'no topic /ground_truth/masks of'),
    ([(1, IMAGE, CameraInfo(header=header(1))), (1, TRUTH, scene(1))], 'no topic /camera/image'),
    ([(1, IMAGE, image(1)), (2, TRUTH, scene(2))], 'no message of /camera/image_raw has the stamp'),
    ([(1, IMAGE, image(1)), (2, TRUTH, scene(1)), (3, TRUTH, scene(1))],
     r'/ground_truth/masks at 0\.000000001: another message has the same stamp'),
    ([(1, IMAGE, image(1)), (1, TRUTH, scene(1, width=8))],
     r'image_raw at 0\.000000001: picture is 6x4, its masks are 8x4'),
])
def test_what_does_not_go_together_is_named(bag, recorded, reason):
    with pytest.raises(DatasetError, match=reason):
        for sample in bags.samples(bag(*recorded)):
            sample.picture()


def test_messages_that_cannot_be_are_named_by_topic_and_stamp(bag):
    absurd, cut = scene(1), image(1)
    absurd.objects[0].layer = 0
    cut.height = 9
    path = bag((1, IMAGE, cut), (1, TRUTH, scene(1)), (1, '/absurd', absurd),
               (1, '/small', scene(1, width=4)))
    with pytest.raises(DatasetError, match=r'/camera/image_raw at 0\.000000001: no image \(data'):
        next(bags.samples(path)).picture()
    with pytest.raises(DatasetError, match=r'/absurd at 0\.000000001: no scene \(object 1'):
        next(bags.samples(path, truth_topic='/absurd'))
    with pytest.raises(DatasetError, match=r'/absurd at 0\.000000001: no scene \(object 1'):
        next(iter(bags.Answers(path, '/absurd')))
    with pytest.raises(DatasetError, match=r'/small at 0\.000000001: 4x4, its truth is 6x4'):
        next(iter(bags.Answers(path, '/small')))


def test_what_is_no_bag_is_named(tmp_path):
    for path in (tmp_path / 'nowhere', tmp_path):
        with pytest.raises(DatasetError, match=rf'{path}: not a rosbag2 that can be read'):
            next(bags.samples(path))


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
        for sample in bags.samples(path):
            sample.picture()
    except DatasetError as error:
        assert str(path) in str(error)
