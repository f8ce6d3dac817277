"""What a planner is told."""

import numpy as np
import pytest
from seq_amodal_ros.planning import graspable_region, in_pick_order, must_move_first, pick_order
from seq_amodal_ros.scene import AmodalObject, LayeredScene


def square(row, column, side=10):
    """Return a mask with a square in it."""
    mask = np.zeros((40, 40), bool)
    mask[row:row + side, column:column + side] = True
    return mask


def item(object_id, layer, mask, occluders=(), *others):
    """Return an object with its mask and others as hypotheses."""
    return AmodalObject(object_id, layer, mask, np.array([mask, *others]), 0.9, occluders)


SCENE = LayeredScene(40, 40, (
    item(4, 1, square(30, 30)), item(7, 1, square(0, 0)), item(2, 2, square(5, 5), (7,)),
    item(3, 3, square(10, 10), (2,))))


def test_what_nothing_lies_on_comes_first():
    assert [o.layer for o in pick_order(SCENE)] == [1, 1, 2, 3]


def test_within_a_layer_the_most_visible_comes_first_then_the_surest_then_the_largest():
    def order(*objects):
        return [o.id for o in pick_order(LayeredScene(40, 40, objects))]

    def scored(object_id, score, side):
        mask = square(0, 12 * object_id, side)
        return AmodalObject(object_id, 1, mask, mask[None], score)

    assert order(scored(1, 0.5, 10), scored(2, 0.9, 4)) == [2, 1]
    assert order(scored(1, 0.9, 4), scored(2, 0.9, 10)) == [2, 1]
    covered, open_one = item(2, 2, square(5, 5), (1,)), item(3, 2, square(9, 20), (1,))
    scene = (item(1, 1, square(0, 0, 11)), covered, open_one)
    far = LayeredScene(40, 40, scene).visible_fraction
    assert far(covered) < far(open_one)
    assert order(*scene) == [1, 3, 2]


def test_ids_count_in_pick_order_and_occluders_go_along():
    scene = in_pick_order(LayeredScene(40, 40, tuple(reversed(SCENE.objects))))
    assert [o.id for o in scene.objects] == [1, 2, 3, 4]
    assert [o.layer for o in scene.objects] == [1, 1, 2, 3]
    below, deepest = scene.objects[2:]
    assert (scene[below.occluders[0]].mask == square(0, 0)).all()
    assert deepest.occluders == (below.id,)


def test_whatever_lies_on_an_object_moves_first_in_an_order_that_works():
    assert must_move_first(SCENE, 3) == [7, 2]
    assert must_move_first(SCENE, 4) == []


def test_the_graspable_region_is_visible_and_inside():
    region = graspable_region(SCENE, 2, margin=2)
    visible = SCENE.visible_mask(SCENE[2])
    assert region.any()
    assert not (region & ~visible).any()
    assert not region[5, 12]


def test_the_edge_of_the_image_is_no_support_for_a_grasp():
    region = graspable_region(SCENE, 7, margin=2)
    assert region[2:8, 2:8].all()
    assert np.count_nonzero(region) == 36


def test_what_a_hypothesis_doubts_is_not_touched():
    half = square(0, 0)
    half[:, 5:] = False
    scene = LayeredScene(40, 40, (item(1, 1, square(0, 0), (), half),))
    region = graspable_region(scene, 1, margin=1)
    assert region.any()
    assert not region[:, 5:].any()


def test_an_unknown_object_is_named():
    with pytest.raises(KeyError, match='no object 99'):
        must_move_first(SCENE, 99)


def test_a_grasp_keeps_three_pixels_from_the_rim_unless_told_otherwise():
    assert np.count_nonzero(graspable_region(SCENE, 7)) == 4 * 4


def test_occluders_are_named_in_ascending_order():
    scene = in_pick_order(LayeredScene(40, 40, (
        item(9, 1, square(0, 0)), item(5, 1, square(0, 20, 12)),
        item(2, 2, square(5, 5, 20), (9, 5)))))
    assert scene.objects[2].occluders == (1, 2)


def test_what_shows_counts_before_how_sure_it_is():
    covered, mask = square(5, 5), square(20, 20)
    scene = LayeredScene(40, 40, (item(1, 1, square(0, 0, 11)),
                                  AmodalObject(2, 2, covered, covered[None], 1.0, (1,)),
                                  AmodalObject(3, 2, mask, mask[None], 0.5)))
    assert [o.id for o in pick_order(scene)] == [1, 3, 2]
