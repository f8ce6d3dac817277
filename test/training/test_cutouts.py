"""Cutouts are read, and split by class and variety."""

import numpy as np
import pytest
from training.cutouts import CutoutError, PART, read_cutouts, SIDE, split


def save(path, **changes):
    """Write four cutouts of two classes and three varieties."""
    rgba = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 4), dtype=np.uint8)
    content = {'rgba': rgba, 'label': np.array([0, 0, 1, 1]),
               'class_names': np.array(['apple', 'pear']),
               'variety': np.array(['apple red', 'apple green', 'pear', 'pear']), **changes}
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


def test_cutouts_come_at_one_size(tmp_path):
    cutouts = read_cutouts(save(tmp_path / 'fruit.npz'))
    assert cutouts.rgba.shape == (4, 4, SIDE, SIDE)
    assert cutouts.classes == ('apple', 'apple', 'pear', 'pear')


@pytest.mark.parametrize('side', [64, 256])
def test_the_colour_of_clear_pixels_does_not_leak_into_the_rim(tmp_path, side):
    rgba = np.zeros((4, side, side, 4), np.uint8)
    rows, columns = np.indices((side, side)) - side / 2
    rgba[:, rows ** 2 + columns ** 2 < (0.4 * side) ** 2] = (220, 220, 220, 255)
    pictures = read_cutouts(save(tmp_path / 'discs.npz', rgba=rgba)).rgba
    seen = pictures[:, 3] >= 128
    assert pictures[:, 0][seen].min() >= 219


def test_held_out_classes_and_varieties_are_never_trained_on(tmp_path):
    cutouts = read_cutouts(save(tmp_path / 'fruit.npz'))
    train, varieties, classes = split(cutouts, ['pear'], ['apple red', 'pear'])
    assert train.varieties == ('apple green',)
    assert varieties.varieties == ('apple red',)
    assert classes.classes == ('pear', 'pear')


@pytest.mark.parametrize('changes, reason', [
    ({'rgba': None}, r'fruit\.npz: not a file of cutouts'),
    ({'rgba': np.zeros((4, 20, 20, 3), np.uint8)}, 'rgba must be uint8'),
    ({'rgba': np.zeros((4, 20, 20, 4), np.uint8)}, 'picture 0 is wholly transparent .4 such'),
    ({'rgba': np.full((4, 20, 20, 4), 255, np.uint8)}, 'picture 0 has no transparency'),
    ({'label': np.array([0, 0, 1])}, '4 pictures, 3 labels'),
    ({'label': np.array([{}, {}, {}, {}])}, 'not a readable .npz file'),
    ({'label': np.array([0, 0, 1, -1])}, 'label must be whole numbers'),
    ({'label': np.array([0, 0, 1, 2])}, 'label must be whole numbers'),
    ({'label': np.array([0.0, 0, 1, 1])}, 'label must be whole numbers'),
    ({'label': np.array([[0], [0], [1], [1]])}, 'label must be whole numbers'),
    ({'label': np.array(0)}, 'label must be whole numbers'),
    ({'variety': np.array('pear')}, '4 pictures, 4 labels, 1 varieties'),
])
def test_malformed_files_are_named(tmp_path, changes, reason):
    with pytest.raises(CutoutError, match=reason):
        read_cutouts(save(tmp_path / 'fruit.npz', **changes))


def test_an_object_keeps_its_shape_in_a_picture_that_is_no_square(tmp_path):
    rgba = np.zeros((1, 50, 200, 4), np.uint8)
    rgba[0, 21:31, 10:190] = 255
    path = save(tmp_path / 'bar.npz', rgba=rgba, label=np.array([0]), class_names=np.array(['bar']),
                variety=None)
    solid = read_cutouts(path).rgba[0, 3] >= 128
    assert (int(solid.any(dim=0).sum()), int(solid.any(dim=1).sum())) == (90, 5)


def test_what_nobody_could_see_at_any_size_is_named(tmp_path):
    rgba = np.zeros((2, 400, 400, 4), np.uint8)
    rgba[0, 100:300, 100:300], rgba[1, 200, 200] = 255, 255
    path = save(tmp_path / 'dot.npz', rgba=rgba, label=np.array([0, 0]),
                class_names=np.array(['dot']), variety=None)
    with pytest.raises(CutoutError, match=r'dot\.npz: picture 1 shows fewer than 25 pixels'):
        read_cutouts(path)


def test_pictures_keep_their_place_side_and_colour(tmp_path):
    rgba = np.zeros((PART + 1, 20, 10, 4), np.uint8)
    rgba[:, :5, :, :] = (200, 100, 10, 255)
    path = save(tmp_path / 'many.npz', rgba=rgba, label=np.zeros(len(rgba), int), variety=None)
    pictures = read_cutouts(path).rgba
    assert pictures.shape == (PART + 1, 4, SIDE, SIDE)
    assert pictures[-1, :, 10, 50].tolist() == [200, 100, 10, 255]
    assert not pictures[-1, 3, SIDE // 4:].any()
