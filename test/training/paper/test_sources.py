"""Scenes come from data sets or protocols; the stop rules come from the scenes."""

from seq_amodal_ros.evaluation.amodal_coco import samples
from training.masks import shrink_mask
from training.paper import sources


def test_a_data_sets_scenes_are_served_as_they_are(composed):
    path = composed / 'annotations.json'
    source = sources.open_source([path], '', [], 64, 0, 'cpu')
    scenes = source.scenes(20)
    assert scenes.image.shape == (20, 3, 64, 64)
    pictures = {picture.sum().item() for picture in source.scenes(200).image}
    assert len(pictures) == len(list(samples(path)))  # neither turned nor seen by another camera


def test_the_rules_are_those_of_the_data(composed):
    path = composed / 'annotations.json'
    rules = sources.rules_of(sources.open_source([path], '', [], 64, 0, 'cpu'), 64)
    truth = list(samples(path))
    areas = [shrink_mask(mask, 64).sum() for sample in truth for mask in sample.masks]
    assert rules.max_layers == max(sample.layers.max() for sample in truth)
    assert rules.min_area == min(area for area in areas if area)


def test_the_smallest_object_gives_the_smallest_area(given):
    assert sources.rules_of(given, 32) == sources.Rules(max_layers=3, min_area=144)
