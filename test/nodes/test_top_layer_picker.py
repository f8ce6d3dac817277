"""The planner's side: image and masks matched by stamp, drawn, counted."""

from builtin_interfaces.msg import Time
import numpy as np
import pytest
from rclpy.parameter import Parameter
from seq_amodal_ros.bridge.images import encode_image
from seq_amodal_ros.bridge.scenes import scene_to_message
from seq_amodal_ros.evaluation.pictures import overview, png
from seq_amodal_ros.nodes import top_layer_picker
from seq_amodal_ros.nodes.top_layer_picker import sentence, TopLayerPicker
from seq_amodal_ros.scene import AmodalObject, LayeredScene
from std_msgs.msg import Header

FRONT, BACK = np.zeros((2, 40, 60), bool)
FRONT[5:20, 5:20], BACK[10:30, 15:40] = True, True
SCENE = LayeredScene(40, 60, (AmodalObject(1, 1, FRONT, FRONT[None], 1.0),
                              AmodalObject(2, 2, BACK, BACK[None], 1.0, (1,))))


def test_scenes_are_matched_drawn_and_counted(graph, peer, tmp_path, wait_until):
    picker = graph(TopLayerPicker(parameter_overrides=[
        Parameter('pictures', value=str(tmp_path / 'new')), Parameter('scenes', value=1)]))
    header = Header()
    header.stamp.sec = 5
    peer.say('masks', scene_to_message(SCENE, header, 'm'))
    assert not picker.done
    peer.say('image', encode_image(np.zeros((40, 60, 3), np.uint8), header))
    assert wait_until(lambda: picker.done)
    assert (tmp_path / 'new' / 'scene_001.png').stat().st_size > 1000


def test_a_folder_that_cannot_be_written_is_said_and_scenes_still_count(graph, peer, tmp_path,
                                                                        wait_until):
    peer.listen_to_log()
    (tmp_path / 'file').write_text('no folder')
    picker = graph(TopLayerPicker(parameter_overrides=[
        Parameter('pictures', value=str(tmp_path / 'file')), Parameter('scenes', value=1)]))
    peer.say('masks', scene_to_message(SCENE, Header(), 'm'))
    peer.say('image', encode_image(np.zeros((40, 60, 3), np.uint8), Header()))
    assert wait_until(lambda: picker.done)
    assert wait_until(lambda: any('pictures: cannot write' in log.msg
                                  for log in peer.heard['/rosout']))


def test_masks_are_not_drawn_on_the_picture_of_another_camera(graph, peer, tmp_path, wait_until):
    peer.listen_to_log()
    picker = graph(TopLayerPicker(parameter_overrides=[
        Parameter('pictures', value=str(tmp_path)), Parameter('scenes', value=1)]))
    peer.say('masks', scene_to_message(SCENE, Header(), 'm'))
    peer.say('image', encode_image(np.zeros((50, 60, 3), np.uint8), Header()))
    for said in ('images without a stamp', 'the image is 60x50, its masks are of 60x40'):
        assert wait_until(lambda said=said: any(said in log.msg for log in peer.heard['/rosout']))
    assert wait_until(lambda: picker.done)
    assert not list(tmp_path.iterdir())


def test_images_that_wait_for_their_masks_are_bounded_in_bytes(graph, peer, tmp_path, wait_until,
                                                               monkeypatch):
    picker = graph(TopLayerPicker(parameter_overrides=[
        Parameter('pictures', value=str(tmp_path))]))
    picture = np.zeros((40, 60, 3), np.uint8)
    monkeypatch.setattr(top_layer_picker, 'KEPT_BYTES', 4 * picture.nbytes)
    images = picker._matched.queues[0]
    for second in range(1, 9):
        peer.say('image', encode_image(picture, Header(stamp=Time(sec=second))))
        assert wait_until(lambda second=second: 10 ** 9 * second in images)
    assert sorted(images) == [10 ** 9 * second for second in range(5, 9)]


def test_a_home_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr('sys.argv', ['top_layer_picker', '--ros-args', '-p',
                                     'pictures:=~nobody_here'])
    with pytest.raises(SystemExit, match='top_layer_picker: pictures: ~nobody_here: '):
        top_layer_picker.main()


def test_masks_that_cannot_be_are_said_and_the_next_are_planned(graph, peer, wait_until):
    peer.listen_to_log()
    picker = graph(TopLayerPicker(parameter_overrides=[Parameter('scenes', value=1)]))
    wrong = scene_to_message(SCENE, Header(), 'm')
    wrong.objects[0].mask.data = wrong.objects[0].mask.data[:3]
    peer.say('masks', wrong)
    assert wait_until(lambda: any('scene passed over: ' in log.msg
                                  for log in peer.heard['/rosout']))
    assert not picker.done
    peer.say('masks', scene_to_message(SCENE, Header(), 'm'))  # no image is waited for
    assert wait_until(lambda: picker.done)


def test_the_sentence_says_what_to_pick_and_what_must_move_first():
    assert sentence(SCENE) == ('2 objects on 2 layers; pick 1 (layer 1, 100% visible), '
                               'then 2 (layer 2, 90% visible, after 1)')
    assert sentence(LayeredScene(40, 60, ())) == 'nothing to pick'


def test_the_sentence_is_in_pick_order_however_the_message_was():
    assert sentence(LayeredScene(40, 60, SCENE.objects[::-1])) == sentence(SCENE)


def test_each_scene_is_drawn_on_its_own_image_in_its_colours(graph, peer, tmp_path, wait_until):
    picker = graph(TopLayerPicker(parameter_overrides=[
        Parameter('pictures', value=str(tmp_path)), Parameter('scenes', value=2)]))
    colours = {1: (200, 10, 20), 2: (10, 20, 200)}
    pictures = {i: np.full((40, 60, 3), colour, np.uint8) for i, colour in colours.items()}
    for i, picture in pictures.items():
        peer.say('image', encode_image(picture, Header(stamp=Time(sec=i))))
    for i in pictures:
        peer.say('masks', scene_to_message(SCENE, Header(stamp=Time(sec=i)), 'm'))
    assert wait_until(lambda: picker.done)
    for i, picture in pictures.items():
        assert (tmp_path / f'scene_00{i}.png').read_bytes() == png(overview(picture, SCENE))
