"""The layout of one folder a layer is written and read back; faults are named."""

import numpy as np
from PIL import Image
import pytest
from seq_amodal_ros.evaluation import sas
from seq_amodal_ros.evaluation.sample import DatasetError


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one image of two layers."""
    layered = np.zeros((2, 6, 8), bool)
    layered[0, 1:3, 1:3], layered[1, 2:5, 2:5] = True, True
    sas.write(tmp_path, 'scene', np.zeros((6, 8, 3), np.uint8), layered)
    return tmp_path


def test_the_last_folder_is_the_blank_step(folder):
    assert sorted(path.name for path in folder.iterdir()) == ['scene_1', 'scene_2', 'scene_3']
    assert not np.array(Image.open(folder / 'scene_3' / 'mask.png')).any()


def test_layers_come_back(folder):
    sample, = sas.samples(folder)
    assert sample.layers.tolist() == [1, 2]
    assert sample.masks.sum(axis=(1, 2)).tolist() == [4, 9]


def test_a_gap_in_the_layers_is_named(folder):
    (folder / 'scene_2').rename(folder / 'scene_5')
    with pytest.raises(DatasetError, match=r'scene: layers \[1, 3, 5\] leave a gap'):
        list(sas.samples(folder))


def test_a_wrong_cumulative_mask_is_named(folder):
    Image.fromarray(np.zeros((6, 8), np.uint8)).save(folder / 'scene_2' / 'newmask.png')
    with pytest.raises(DatasetError, match=r'newmask\.png is not the union'):
        list(sas.samples(folder))


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(DatasetError, match='no folder named <image>_<layer>'):
        list(sas.samples(tmp_path))


def test_a_blank_layer_before_another_and_masks_of_1_are_refused(tmp_path):
    layered = np.zeros((3, 8, 8), bool)
    layered[0, :4], layered[2, 4:] = True, True
    sas.write(tmp_path / 'gap', 'a', np.zeros((8, 8, 3), np.uint8), layered)
    with pytest.raises(DatasetError, match='a: a blank mask'):
        list(sas.samples(tmp_path / 'gap'))
    sas.write(tmp_path / 'ones', 'a', np.zeros((8, 8, 3), np.uint8), layered[:1])
    Image.fromarray(layered[0].astype(np.uint8)).save(tmp_path / 'ones' / 'a_1' / 'mask.png')
    with pytest.raises(DatasetError, match=r'mask\.png: values up to 1;'):
        list(sas.samples(tmp_path / 'ones'))


def test_masks_of_another_size_than_the_image_are_named(folder):
    Image.fromarray(np.zeros((8, 6), np.uint8)).save(folder / 'scene_2' / 'mask.png')
    with pytest.raises(DatasetError, match=r'scene_2/mask\.png: 6x8, its image is 8x6'):
        list(sas.samples(folder))


def test_images_come_back_in_their_colours_by_name_as_many_as_asked_for(tmp_path):
    image, layered = np.full((6, 8, 3), (200, 10, 20), np.uint8), np.zeros((11, 6, 8), bool)
    layered[range(11), 1:5, :2] = True
    for name in ('b_2', 'a'):
        sas.write(tmp_path, name, image, layered)
    found = list(sas.samples(tmp_path))
    assert [sample.name for sample in found] == [
        str(tmp_path / name / 'image.png') for name in ('a_1', 'b_2_1')]
    assert (found[0].read() == image).all()
    assert len(found[0].layers) == 11
    assert len(list(sas.samples(tmp_path, 1))) == 1
