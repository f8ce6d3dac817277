"""The player publishes a folder's pictures in turn, raw and compressed."""

import shutil

import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from seq_amodal_ros.bridge.images import decode_compressed, decode_image
from seq_amodal_ros.evaluation.amodal_coco import load_image
from seq_amodal_ros.nodes.image_player import ImagePlayer, pictures_in


def test_pictures_come_in_turn_with_stamps_and_frame(graph, peer, composed, wait_until):
    folder = composed / 'images'
    peer.listen(Image, 'image', best_effort=True)
    peer.listen(CompressedImage, 'image/compressed', best_effort=True)
    graph(ImagePlayer(parameter_overrides=[Parameter('folders', value=[str(folder)]),
                                           Parameter('rate', value=5.0)]))
    assert wait_until(lambda: peer.heard['image'] and peer.heard['image/compressed'])
    message = peer.heard['image'][0]
    known = [load_image(path) for path in sorted(folder.iterdir())]
    assert any((decode_image(message) == picture).all() for picture in known)
    assert message.header.frame_id == 'camera_optical_frame'
    assert message.header.stamp.sec > 0
    compressed = decode_compressed(peer.heard['image/compressed'][0])
    assert any((compressed == picture).all() for picture in known)


def test_the_first_picture_waits_for_enough_listeners(graph, peer, composed, wait_until):
    folder = composed / 'images'
    peer.listen(Image, 'image', best_effort=True)
    graph(ImagePlayer(parameter_overrides=[Parameter('folders', value=[str(folder)]),
                                           Parameter('rate', value=20.0),
                                           Parameter('listeners', value=2)]))
    assert wait_until(lambda: peer.count_publishers('image'))
    assert not wait_until(lambda: peer.heard['image'], seconds=0.5)
    peer.listen(CompressedImage, 'image/compressed', best_effort=True)
    assert wait_until(lambda: peer.heard['image'] and peer.heard['image/compressed'])
    first = load_image(sorted(folder.iterdir())[0])
    assert (decode_image(peer.heard['image'][0]) == first).all()


def test_a_broken_picture_is_left_out(graph, peer, composed, wait_until, tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no picture')
    shutil.copy(next((composed / 'images').iterdir()), tmp_path / 'b.png')
    graph(ImagePlayer(parameter_overrides=[Parameter('folders', value=[str(tmp_path)]),
                                           Parameter('rate', value=20.0)]))
    peer.listen_to_log()
    peer.listen(Image, 'image', best_effort=True)
    assert wait_until(lambda: peer.heard['image'] and any('a.png' in log.msg for log in
                                                          peer.heard['/rosout']))


def test_no_folder_is_not_the_one_that_the_player_was_started_in():
    with pytest.raises(ValueError, match='set the parameter folders'):
        pictures_in([''])


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(ValueError, match=f'{tmp_path.name}.*no .jpg'):
        pictures_in([str(tmp_path)])


def test_a_home_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r'^~nobody_here: '):
        pictures_in(['~nobody_here'])
