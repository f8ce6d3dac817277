"""The player publishes a folder's pictures in turn, raw and compressed."""

import shutil

from PIL import Image as PillowImage
import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from seq_amodal_ros.bridge.images import decode_compressed, decode_image
from seq_amodal_ros.evaluation.photographs import load_image
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


def test_pictures_go_round_and_round(graph, peer, composed, tmp_path, wait_until):
    for name, source in zip('ab', sorted((composed / 'images').iterdir())):
        shutil.copy(source, tmp_path / f'{name}.png')
    peer.listen(Image, 'image', best_effort=True)
    graph(ImagePlayer(parameter_overrides=[Parameter('folders', value=[str(tmp_path)]),
                                           Parameter('rate', value=20.0)]))
    assert wait_until(lambda: len(peer.heard['image']) >= 3)
    first, second, third = (decode_image(message) for message in peer.heard['image'][:3])
    assert (first == third).all() and (first != second).any()


def test_compressed_pictures_say_their_format_frame_and_time(graph, peer, tmp_path, wait_until):
    for name, kind in (('a.jpg', 'jpeg'), ('b.PNG', 'png')):
        PillowImage.new('RGB', (8, 8)).save(tmp_path / name, kind)
    peer.listen(CompressedImage, 'image/compressed', best_effort=True)
    graph(ImagePlayer(parameter_overrides=[Parameter('folders', value=[str(tmp_path)]),
                                           Parameter('rate', value=20.0)]))
    assert wait_until(lambda: len(peer.heard['image/compressed']) >= 2)
    found = peer.heard['image/compressed'][:2]
    assert sorted(message.format for message in found) == ['jpeg', 'png']
    assert {message.header.frame_id for message in found} == {'camera_optical_frame'}
    assert all(message.header.stamp.sec for message in found)


def test_pictures_come_by_folder_as_given_then_by_name(tmp_path):
    for name in ('b/1.PNG', 'b/2.jpg', 'a/3.jpeg', 'a/notes.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = pictures_in([str(tmp_path / 'b'), str(tmp_path / 'a')])
    assert [path.name for path in found] == ['1.PNG', '2.jpg', '3.jpeg']
