"""The test set on the network's grid."""

import json

import pytest
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.sample import DatasetError
from training.paper.experiments.data import read_test


def test_images_and_masks_come_at_the_grids_size(composed):
    path = composed / 'annotations.json'
    images = read_test(path, 64, 3)
    assert len(images) == 3
    for image, sample in zip(images, samples(path)):
        assert image.image.shape == (64, 64, 3)
        assert image.masks.shape == (len(sample.masks), 64, 64)
        assert abs(image.masks[0].mean() - sample.masks[0].mean()) < 0.02
        assert not image.layer(99).any()


def test_an_empty_split_is_named(tmp_path):
    path = tmp_path / 'none.json'
    path.write_text(json.dumps({'images': [], 'annotations': []}))
    with pytest.raises(DatasetError, match=r'none\.json: the split is empty'):
        read_test(path, 64, 3)
