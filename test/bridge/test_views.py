"""The plain views say what the scene says."""

import numpy as np
import pytest
from seq_amodal_ros.bridge.views import detections, label_map, top_layer
from seq_amodal_ros.scene import AmodalObject, LayeredScene
from std_msgs.msg import Header


@pytest.fixture
def scene():
    """Return two objects of three columns each; 2 lies under 1 with one column."""
    front, back = np.zeros((2, 4, 6), bool)
    front[:, 0:3], back[:, 2:5] = True, True
    return LayeredScene(4, 6, (AmodalObject(1, 1, front, front[None], 0.9),
                               AmodalObject(2, 2, back, back[None], 0.8, (1,))))


def test_the_label_map_shows_the_object_in_front(scene):
    assert label_map(scene)[0].tolist() == [1, 1, 1, 2, 2, 0]
    assert label_map(scene).dtype == np.uint16


def test_the_top_layer_is_what_nothing_lies_on(scene):
    assert top_layer(scene)[0].tolist() == [255, 255, 255, 0, 0, 0]


def test_detections_come_in_pick_order_with_amodal_boxes(scene):
    first, second = detections(scene, Header(frame_id='f')).detections
    assert (first.id, second.id) == ('1', '2')
    assert (second.bbox.center.position.x, second.bbox.size_x) == (3.5, 3.0)
    assert second.header.frame_id == 'f'
    assert second.results[0].hypothesis.score == pytest.approx(0.8)


def test_detections_are_of_the_only_class(scene):
    found = detections(scene, Header(frame_id='f'))
    assert found.header.frame_id == 'f'
    assert {d.results[0].hypothesis.class_id for d in found.detections} == {'object'}
