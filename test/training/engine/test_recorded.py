"""Recorded scenes keep their masks and layers through scaling and turning."""

import numpy as np
from PIL import Image
import pytest
from seq_amodal_ros.evaluation.amodal_coco import samples, write_amodal_coco
from seq_amodal_ros.evaluation.sample import DatasetError
from seq_amodal_ros.scene import AmodalObject, LayeredScene
import torch
from training.engine.recorded import RecordedScenes
from training.engine.scenes import joined, layered_scene, Scenes

ALONE = np.zeros((1, 1), bool)  # Z of one object


@pytest.fixture(scope='module')
def recorded(composed):
    """Return the composed scenes that ship with the tests, at 64 x 64."""
    return RecordedScenes([composed / 'annotations.json'], side=64)


def test_every_draw_is_one_of_the_scenes(recorded, composed):
    known = {tuple(np.sort(sample.layers)) for sample in samples(composed / 'annotations.json')}
    drawn = recorded.scenes(16)
    assert drawn.image.shape == (16, 3, 64, 64)
    for layers in drawn.layers:
        assert tuple(layers[layers > 0].tolist()) in known
    assert (drawn.masks.any(dim=(2, 3)) == (drawn.layers > 0)).all()


def test_masks_turn_with_their_picture(tmp_path, composed):
    """A red square on black stays red under its mask, in every pose and light."""
    mask = np.zeros((64, 64), bool)
    mask[4:20, 8:40] = True
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[mask] = (255, 0, 0)
    Image.fromarray(picture).save(tmp_path / 'red.png')
    write_amodal_coco(tmp_path / 'annotations.json', {'red.png': layered_scene(mask[None], ALONE)})
    drawn = RecordedScenes([tmp_path / 'annotations.json'], side=64).scenes(64)
    assert len({tuple(m.flatten().tolist()) for m in drawn.masks[:, 0]}) == 8
    for image, masks in zip(drawn.image, drawn.masks):
        inside = image[0][masks[0]].median()
        assert inside > 2 * image[0][~masks[0]].median()


def test_draws_hang_on_their_number_alone(recorded):
    recorded.next = 5
    together = recorded.scenes(3)
    recorded.next = 7
    alone = recorded.scenes(1)
    assert torch.equal(together.image[2:], alone.image)


def test_who_lies_on_whom_is_as_recorded(tmp_path):
    masks = np.zeros((3, 64, 64), bool)
    masks[0, 10:30, 10:30], masks[1, 29, 29:50], masks[2, 15:25, 5:20] = True, True, True
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / 'a.png')
    scene = LayeredScene(64, 64, tuple(
        AmodalObject(i, layer, mask, mask[None], 1.0, above)  # 1 overlaps 3, but lies beside it
        for i, layer, mask, above in ((1, 1, masks[0], ()), (2, 2, masks[1], (1,)),
                                      (3, 1, masks[2], ()))))
    write_amodal_coco(tmp_path / 'annotations.json', {'a.png': scene})
    drawn = RecordedScenes([tmp_path / 'annotations.json'], side=64).scenes(4)
    assert drawn.layers.tolist() == [[1, 1, 2]] * 4
    assert drawn.occluded_by.int().tolist() == [[[0, 0, 0], [0, 0, 0], [1, 0, 0]]] * 4
    scenes, target, covered = drawn.samples(64)
    assert torch.equal(target, drawn.targets(scenes, covered))
    other = Scenes(drawn.image, drawn.masks[:, :2], drawn.layers[:, :2])
    both = joined([other, drawn])
    assert both.occluded_by.shape == (8, 3, 3)
    assert both.occluded_by[0].tolist() == [[False] * 3, [True, False, False], [False] * 3]


def test_a_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r'none\.json'):
        RecordedScenes([tmp_path / 'none.json'])


def test_a_picture_of_another_size_than_its_masks_is_named(tmp_path):
    mask = np.zeros((64, 64), bool)
    mask[4:20, 8:40] = True
    Image.fromarray(np.zeros((32, 64, 3), np.uint8)).save(tmp_path / 'half.png')
    write_amodal_coco(tmp_path / 'annotations.json', {'half.png': layered_scene(mask[None], ALONE)})
    with pytest.raises(DatasetError, match=r'half\.png: picture is 64x32, its masks are 64x64'):
        RecordedScenes([tmp_path / 'annotations.json'])


def test_scenes_without_objects_are_left_out(tmp_path):
    mask = np.zeros((64, 64), bool)
    mask[4:20, 8:40] = True
    for name in ('full', 'empty'):
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / f'{name}.png')
    write_amodal_coco(tmp_path / 'annotations.json', {
        'empty.png': layered_scene(mask[None][:0], ALONE[:0, :0]),
        'full.png': layered_scene(mask[None], ALONE)})
    found = RecordedScenes([tmp_path / 'annotations.json'], side=32)
    assert len(found) == 1
    assert (found.depth, found.areas().tolist()) == (1, [8 * 16])
