"""Layer order and cumulative masks, checked against Eq. 1-3 by hand."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from seq_amodal_ros import scene
from seq_amodal_ros.scene import AmodalObject, Box, LayeredScene


def block(rows, columns, shape=(8, 12)):
    """Return a mask that is set in a rectangle of rows and columns."""
    mask = np.zeros(shape, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def item(object_id, layer, mask, occluders=(), hypotheses=None, score=1.0):
    """Return an object whose only hypothesis is its mask."""
    hypotheses = mask[None] if hypotheses is None else hypotheses
    return AmodalObject(object_id, layer, mask, hypotheses, score, occluders)


# Three in a row, each under the one before, and one that stands alone.
STACK = np.array([block((0, 4), (0, 4)), block((2, 6), (2, 6)), block((4, 8), (4, 8)),
                  block((0, 2), (10, 12))])


def test_nearer_objects_occlude_those_they_overlap():
    z = scene.occlusion_matrix(STACK)
    assert [tuple(pair) for pair in np.argwhere(z)] == [(1, 0), (2, 1)]


def test_a_scene_without_objects_has_neither_pairs_nor_layers():
    z = scene.occlusion_matrix(np.zeros((0, 8, 12), bool))
    assert z.shape == (0, 0)
    assert scene.occlusion_layers(z).shape == (0,)


def test_layer_is_one_more_than_the_deepest_occluder():
    assert scene.occlusion_layers(scene.occlusion_matrix(STACK)).tolist() == [1, 2, 3, 1]


def test_object_under_two_chains_takes_the_longer():
    z = np.zeros((4, 4), bool)
    z[3, 0] = z[3, 2] = z[2, 1] = z[1, 0] = True
    assert scene.occlusion_layers(z).tolist() == [1, 2, 3, 4]


@given(st.integers(1, 9), st.randoms(use_true_random=False))
def test_eq_2_holds_for_any_order(count, random):
    front_first = np.array([[random.random() < 0.4 for _ in range(count)] for _ in range(count)])
    z = np.tril(front_first, -1)
    shuffled = random.sample(range(count), count)
    z = z[np.ix_(shuffled, shuffled)]
    layers = scene.occlusion_layers(z)
    for i in range(count):
        assert layers[i] == 1 + max((layers[j] for j in np.flatnonzero(z[i])), default=0)


def test_a_ring_of_occluders_is_refused_by_name():
    z = np.zeros((4, 4), bool)
    z[1, 2] = z[2, 3] = z[3, 1] = z[0, 1] = True
    with pytest.raises(scene.OcclusionCycleError, match='object 1 is occluded by object 2 is '
                       'occluded by object 3 is occluded by object 1'):
        scene.occlusion_layers(z)


def test_cumulative_mask_is_the_union_of_all_lower_layers():
    layered = scene.layer_masks(STACK, np.array([1, 2, 3, 1]))
    assert (layered[0] == STACK[0] | STACK[3]).all()
    covered = scene.cumulative_masks(layered)
    assert len(covered) == 4
    assert not covered[0].any()
    assert (covered[2] == STACK[0] | STACK[3] | STACK[1]).all()


def test_visible_mask_is_the_amodal_mask_minus_what_lies_in_front():
    made = LayeredScene(8, 12, (item(1, 1, STACK[0]), item(2, 2, STACK[1], (1,))))
    assert made.visible_fraction(made[1]) == 1
    assert (made.visible_mask(made[2]) == STACK[1] & ~STACK[0]).all()
    assert made.visible_fraction(made[2]) == 12 / 16
    assert (made.cumulative_mask(2) == STACK[0]).all()


def test_uncertainty_is_highest_where_half_of_the_hypotheses_disagree():
    two = np.array([block((0, 4), (0, 4)), block((0, 4), (0, 8))])
    made = LayeredScene(8, 12, (item(1, 1, two[0], hypotheses=two),))
    assert (made.uncertainty() == (two[0] ^ two[1])).all()


def test_likelihood_of_none_one_two_and_all_of_three_hypotheses():
    three = np.array([block((0, 1), (0, columns), shape=(1, 4)) for columns in (3, 2, 1)])
    assert scene.likelihood(three).tolist() == [[0.875, 0.625, 0.375, 0.125]]


def test_box_of_a_mask():
    assert scene.bounding_box(block((2, 5), (3, 11))) == Box(3, 2, 8, 3)
    assert scene.bounding_box(np.zeros((4, 4), bool)) == Box(0, 0, 0, 0)


def test_boxes_share_a_box_or_nothing():
    assert Box(0, 0, 6, 6).common(Box(2, 4, 9, 1)) == Box(2, 4, 4, 1)
    assert Box(0, 0, 2, 6).common(Box(4, 1, 3, 2)) == Box(4, 1, 0, 2)


@pytest.mark.parametrize('mask, reason', [
    (np.zeros((2, 3, 1), bool), r'object 7: a mask must be \[height, width\]'),
    (np.full((8, 12), 2, np.uint8), 'object 7: a mask holds only 0 and 1'),
    (np.zeros((4, 4), bool), 'object 7: mask is 4x4, the image is 12x8'),
])
def test_malformed_masks_are_refused_by_name(mask, reason):
    with pytest.raises(scene.MaskError, match=reason):
        scene.check_mask(mask, 'object 7', (8, 12))


@pytest.mark.parametrize('objects, reason', [
    ((item(1, 1, STACK[0]), item(1, 1, STACK[3])), 'object 1: the id is used twice'),
    ((item(2, 2, STACK[1], (1,)),), 'object 2: occluder 1 is not in the scene'),
    ((item(1, 1, STACK[0]), item(2, 1, STACK[1], (1,))), 'occluder 1 must lie on a lower layer'),
])
def test_scenes_that_cannot_be_are_refused_by_name(objects, reason):
    with pytest.raises(scene.SceneError, match=reason):
        LayeredScene(8, 12, objects)


def test_an_object_needs_a_mask():
    with pytest.raises(scene.MaskError, match='object 3: its amodal mask is empty'):
        item(3, 1, np.zeros((4, 4), bool))


def test_of_layers_alone_what_overlaps_from_a_lower_one_lies_on_it():
    masks = np.zeros((3, 2, 6), bool)
    masks[0, :, :3], masks[1, :, 2:5], masks[2, :, 4:] = True, True, True
    assert scene.occluded_by_layers(list(masks), [2, 1, 1]).tolist() == [
        [False, True, False], [False, False, False], [False, False, False]]


@pytest.mark.parametrize('changes, reason', [
    ({'id': 0}, 'id and layer count from 1'), ({'layer': 0}, 'id and layer count from 1'),
    ({'score': -0.1}, 'score must lie in 0 to 1'),
    ({'hypotheses': np.zeros((2, 4, 4), bool)}, r'hypotheses must be bool \[K, 8, 12\]'),
])
def test_objects_that_cannot_be_are_refused_by_name(changes, reason):
    with pytest.raises(scene.SceneError, match=f'object .: {reason}'):
        replace(item(3, 1, STACK[0]), **changes)


def test_where_two_objects_overlap_the_less_sure_one_counts():
    two = np.array([block((0, 4), (0, 4)), block((0, 4), (0, 8))])
    made = LayeredScene(8, 12, (item(1, 1, two[0], hypotheses=two), item(2, 2, two[1], (1,))))
    assert (made.uncertainty() == (two[0] ^ two[1])).all()


def test_a_mask_without_pixels_is_refused_by_name():
    with pytest.raises(scene.MaskError, match=r'object 7: a mask must be \[height, width\]'):
        scene.check_mask(np.zeros((0, 3), bool), 'object 7')
