"""From layers to objects: connected parts, fragments, doubles, hypotheses, occluders."""

import numpy as np
import pytest
from seq_amodal_ros.objects import scene_from_layers
from seq_amodal_ros.sequential import Layer

SIZE = 32


def squares(*corners, side=8):
    """Return a probability map that is 1 in squares at (row, column)."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    for row, column in corners:
        mask[row:row + side, column:column + side] = 1
    return mask


def layer(chosen, *others):
    """Return a layer whose hypotheses are the chosen mask and others."""
    return Layer(chosen, np.array([chosen, *others]))


def found(*layers, size=SIZE):
    """Return the scene of layers at `size` pixels a side."""
    return scene_from_layers(list(layers), size, size, min_area=10)


def test_connected_parts_of_a_layer_are_its_objects():
    scene = found(layer(squares((0, 0), (20, 20))))
    assert [item.layer for item in scene.objects] == [1, 1]
    assert sorted(item.box for item in scene.objects) == [(0, 0, 8, 8), (20, 20, 8, 8)]


def seamed(chosen, *columns):
    """Return a layer with a seam over those columns."""
    seams = np.zeros_like(chosen)
    seams[:, columns] = 1
    return Layer(chosen, chosen[None], seams)


def test_objects_that_touch_are_parted_at_their_seam():
    scene = found(seamed(squares((4, 4), (4, 12)), 10, 11, 12, 13))
    assert sorted(item.box for item in scene.objects) == [(4, 4, 8, 8), (12, 4, 8, 8)]
    assert sum(item.area for item in scene.objects) == 2 * 64  # no pixel is lost at the seam


def test_a_seam_that_cuts_off_a_scrap_parts_nothing():
    assert [item.box for item in found(seamed(squares((4, 4), (4, 12)), 5, 6)).objects] == \
        [(4, 4, 16, 8)]


def test_a_seam_that_ends_within_an_object_parts_nothing():
    layer = seamed(squares((4, 4), side=12), 9, 10)
    layer.seams[:8] = 0
    assert len(found(layer).objects) == 1


def test_seams_are_followed_at_the_size_of_the_image():
    scene = found(seamed(squares((4, 4), (4, 12)), 10, 11, 12, 13), size=4 * SIZE)
    assert [item.box.width for item in scene.objects] == [32, 32]


def test_an_object_lies_under_what_overlaps_it_on_lower_layers():
    scene = found(layer(squares((0, 0), (20, 20))), layer(squares((4, 4))))
    under = next(item for item in scene.objects if item.layer == 2)
    occluder = next(item for item in scene.objects if item.box[:2] == (0, 0))
    assert under.occluders == (occluder.id,)
    assert scene.visible_fraction(under) == 48 / 64


@pytest.mark.parametrize('row, layers', [(7, [1, 1]), (6, [1, 2])])
def test_objects_that_only_graze_share_no_pixel_and_have_no_order(row, layers):
    """At 64 x 64 one shared pixel is a graze, two are none."""
    first, second = (np.zeros((64, 64), np.float32) for _ in range(2))
    first[:8, :8], second[row:15, 7:15] = 1, 1
    scene = scene_from_layers([layer(first), layer(second)], 64, 64, min_area=10)
    assert [item.layer for item in scene.objects] == layers
    shared = scene.objects[0].mask & scene.objects[1].mask
    assert shared.sum() == (0 if layers == [1, 1] else 2)


def test_an_image_in_which_nothing_is_found_is_an_empty_scene():
    assert found().objects == ()


def test_what_a_picture_of_few_pixels_loses_is_not_there():
    chosen = np.zeros((112, 112), np.float32)
    chosen[4:10, 4:10] = 1
    for seams in (None, np.zeros_like(chosen)):
        assert found(Layer(chosen, chosen[None], seams), size=16).objects == ()


def test_fragments_go():
    chosen = squares((0, 0))
    chosen[20:23, 20:23] = 1
    assert len(found(layer(chosen)).objects) == 1


def test_a_wholly_hidden_object_is_never_claimed():
    front = squares((0, 0), side=20)
    assert [item.layer for item in found(layer(front), layer(squares((4, 4)))).objects] == [1]


def test_the_same_object_on_two_layers_is_one():
    scene = found(layer(squares((0, 0), side=12)), layer(squares((0, 1), side=12)))
    assert len(scene.objects) == 1


def test_two_objects_of_a_heap_that_share_half_stay_two():
    scene = found(layer(squares((0, 0), side=12)), layer(squares((0, 3), side=12)))
    assert [item.layer for item in scene.objects] == [1, 2]


def test_each_object_gets_its_share_of_a_hypothesis_that_merges_two():
    chosen = squares((8, 2), (8, 20))
    merged = chosen.copy()
    merged[8:16, 2:28] = 1
    scene = found(layer(chosen, merged))
    left = next(item for item in scene.objects if item.box.x == 2)
    assert (left.hypotheses[0] == left.mask).all()
    columns = np.flatnonzero(left.hypotheses[1].any(axis=0))
    assert (columns[0], columns[-1]) == (2, 14)


def test_a_hypothesis_without_the_object_is_empty_and_lowers_the_score():
    chosen = squares((0, 0), (20, 20))
    scene = found(layer(chosen, squares((20, 20))))
    scores = {item.box[:2]: item.score for item in scene.objects}
    assert scores == {(0, 0): 0.5, (20, 20): 1.0}
    missed = next(item for item in scene.objects if item.box.x == 0)
    assert not missed.hypotheses[1].any()


def test_masks_come_at_image_scale():
    scene = scene_from_layers([layer(squares((0, 0)))], 48, 64, min_area=10)
    box = scene.objects[0].box
    assert (scene.height, scene.width) == (48, 64)
    assert (box.width, box.height) == (16, 12)


def test_ids_count_in_pick_order():
    scene = found(layer(squares((0, 0), (20, 20))), layer(squares((4, 4))),
                  layer(squares((8, 8))))
    assert [item.id for item in scene.objects] == [1, 2, 3, 4]
    assert [item.layer for item in scene.objects] == [1, 1, 2, 3]


def test_an_object_found_late_that_lies_under_nothing_is_on_layer_1():
    scene = found(layer(squares((0, 0))), layer(squares((4, 4), (20, 20))))
    assert {item.box[:2]: item.layer for item in scene.objects} == {
        (0, 0): 1, (4, 4): 2, (20, 20): 1}


def test_a_layer_whose_objects_all_went_leaves_no_gap():
    hidden = layer(squares((2, 2), side=4))
    scene = found(layer(squares((0, 0), side=12)), hidden, layer(squares((8, 8), side=12)))
    assert [item.layer for item in scene.objects] == [1, 2]


def test_what_is_a_graze_grows_with_the_image():
    first, second = (np.zeros((64, 64), np.float32) for _ in range(2))
    first[:8, :8], second[7:15, 7:15] = 1, 1  # they share a pixel, of the image sixteen
    scene = scene_from_layers([layer(first), layer(second)], 256, 256, min_area=10)
    assert [item.layer for item in scene.objects] == [1, 1]


def test_fragments_go_whatever_the_size_of_the_image():
    chosen = squares((0, 0))
    chosen[20:23, 20:23] = 1
    assert len(found(layer(chosen), size=4 * SIZE).objects) == 1


def test_an_object_that_hardly_shows_is_never_claimed():
    front, behind = squares((0, 0), side=20), squares((4, 13))  # of which 8 pixels show
    assert [item.layer for item in found(layer(front), layer(behind)).objects] == [1]


def test_an_object_under_any_of_those_before_is_never_claimed():
    front = squares((0, 0), (18, 18), side=12)
    assert len(found(layer(front), layer(squares((2, 2), side=6))).objects) == 2


def test_an_object_found_again_is_one_whichever_it_is():
    scene = found(layer(squares((0, 0), (18, 18), side=12)), layer(squares((18, 19), side=12)))
    assert len(scene.objects) == 2


def test_what_meets_at_a_corner_are_two():
    assert len(found(layer(squares((0, 0), (8, 8)))).objects) == 2
    item, = found(layer(squares((0, 0)), squares((0, 0), (8, 8)))).objects
    assert not item.hypotheses[1][8:, 8:].any()
