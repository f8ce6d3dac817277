"""Amodal COCO is written and read back; what is wrong with a file is said with the annotation."""

import json

import numpy as np
from PIL import Image
import pytest
from seq_amodal_ros.evaluation import amodal_coco
from seq_amodal_ros.evaluation.amodal_coco import (
    read_amodal_coco,
    read_entries,
    samples,
    write_amodal_coco,
)
from seq_amodal_ros.evaluation.coco_masks import read_mask, rle_of
from seq_amodal_ros.evaluation.sample import DatasetError
from seq_amodal_ros.scene import AmodalObject, LayeredScene


@pytest.fixture
def dataset(tmp_path):
    """Return the path of a data set of one image, two objects, one under the other."""
    front, back = np.zeros((2, 10, 12), bool)
    front[1:5, 1:5], back[3:8, 3:8] = True, True
    scene = LayeredScene(10, 12, (AmodalObject(1, 1, front, front[None], 1.0),
                                  AmodalObject(2, 2, back, back[None], 1.0, (1,))))
    Image.fromarray(np.zeros((10, 12, 3), np.uint8)).save(tmp_path / 'a.png')
    path = tmp_path / 'annotations.json'
    write_amodal_coco(path, {'a.png': scene})
    return path


def edit(path, change):
    """Apply `change` to the file's content."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_masks_and_layers_come_back(dataset):
    sample, = samples(dataset)
    assert sample.layers.tolist() == [1, 2]
    assert sample.masks.sum(axis=(1, 2)).tolist() == [16, 25]
    assert sample.masks[0, 1:5, 1:5].all()


def test_scores_are_written_as_in_the_results_of_coco(tmp_path):
    mask = np.eye(4, dtype=bool)
    path = tmp_path / 'annotations.json'
    write_amodal_coco(path, {'a.png': LayeredScene(4, 4, (
        AmodalObject(1, 1, mask, mask[None], 0.625),))})
    assert [a['score'] for a in json.loads(path.read_text())['annotations']] == [0.625]


@pytest.mark.parametrize('layer', [0, 10 ** 9, 10 ** 30, 1.0, True, 'top'])
def test_a_layer_that_no_pile_has_is_named(dataset, layer):
    edit(dataset, lambda c: [a.pop('occluded_by') for a in c['annotations']])
    edit(dataset, lambda c: c['annotations'][1].update(layer=layer))
    with pytest.raises(DatasetError, match='annotation 2: layer must be a whole number from 1 to'):
        next(samples(dataset))


def test_what_shows_may_be_said_where_objects_are_no_flat_layers(dataset):
    scene = LayeredScene(4, 4, (AmodalObject(1, 1, np.ones((4, 4), bool),
                                             np.ones((1, 4, 4), bool), 1.0),))
    shown = np.eye(4, dtype=bool)[None]
    for visible, pixels in (({'a.png': shown}, 4), ({}, 16)):
        write_amodal_coco(dataset, {'a.png': scene}, visible)
        [(_, [annotation])] = read_amodal_coco(dataset)
        assert read_mask(annotation['visible_segmentation'], 4, 4, 'it', 'it').sum() == pixels


def test_layers_follow_from_the_occluders_where_they_are_missing(dataset):
    edit(dataset, lambda c: [a.pop('layer') for a in c['annotations']])
    assert next(samples(dataset)).layers.tolist() == [1, 2]


def test_polygons_are_read(dataset):
    def to_polygon(content):
        content['annotations'][0]['segmentation'] = [[1, 1, 5, 1, 5, 5, 1, 5]]
    edit(dataset, to_polygon)
    assert next(samples(dataset)).masks[0].sum() == 16


@pytest.mark.parametrize('change, reason', [
    (lambda c: c.pop('images'), "'images' must be a list"),
    (lambda c: c['images'][0].pop('height'), "image 1: 'height' is missing"),
    (lambda c: c['images'][0].update(height=-10, width=-12), 'image 1: size -12x-10 is not'),
    (lambda c: c['images'].append(c['images'][0]), 'image 1: another image has the same id'),
    (lambda c: c['images'][0].update(height=11),
     'annotation 1: segmentation: mask is 12x10, the image is 12x11'),
    (lambda c: c['images'][0].update(file_name='b.png'), 'image 1: no file .*b.png'),
    (lambda c: c['annotations'][1].update(image_id=9), 'annotation 2: unknown image_id 9'),
    (lambda c: c['annotations'][1].update(id=1), 'annotation 1: another annotation has the same'),
    (lambda c: c['annotations'][0].update(segmentation=7), 'annotation 1: segmentation is neither'),
    (lambda c: c['annotations'][0].update(segmentation=[[1, 1, 2]]), 'three or more points'),
    (lambda c: c['annotations'][0].update(segmentation=[[1, 1, 2, 1, 2, 11.5]]),
     r'annotation 1: segmentation: point \(2, 11.5\) lies outside of the image, which is 12x10'),
    (lambda c: c['annotations'][0]['segmentation'].update(counts=[60, 59]),
     'annotation 1: segmentation: RLE of 119 pixels, the image has 120'),
    (lambda c: c['annotations'][0]['segmentation'].update(counts=[-5, 125]), 'from 0 up'),
    (lambda c: c['annotations'][0]['segmentation'].update(counts=''), 'counts are cut off'),
    (lambda c: c['annotations'][0]['segmentation'].update(counts='PPPPPPPPP1'), 'too large'),
    (lambda c: c['annotations'][0].update(occluded_by=2), 'occluded_by must be a list of .* ids'),
    (lambda c: c['annotations'][0].update(occluded_by=[2]), 'occlusion cycle: .*annotation 2'),
    (lambda c: c['annotations'][1].update(occluded_by=[7]), 'annotation 2: occluded_by names 7'),
    (lambda c: c['annotations'][1].update(layer=3), 'annotation 2: layer 3 contradicts'),
])
def test_what_is_wrong_is_said_with_file_and_annotation(dataset, change, reason):
    edit(dataset, change)
    with pytest.raises(DatasetError, match=rf'annotations\.json: .*{reason}'):
        list(samples(dataset))


def test_sound_images_are_told_from_those_that_cannot_be_used(dataset):
    def add_images(content):
        content['images'] += [{'id': 2, 'file_name': 'b.png', 'height': 10, 'width': 12},
                              {'id': 3, 'file_name': 'c.png', 'height': 10}]
        content['annotations'] += [{'id': 7, 'image_id': 2}, {'id': 7, 'image_id': 2},
                                   {'id': 8, 'image_id': 3}]
    edit(dataset, add_images)
    images, faults = read_entries(dataset)
    assert [(image['id'], len(annotations)) for image, annotations in images] == [(1, 2)]
    assert [fault.split(': ', 1)[1] for fault in faults] == [
        "image 3: 'width' is missing or not int",
        'annotation 7: another annotation has the same id']


def test_truncated_json_is_named(dataset):
    dataset.write_text(dataset.read_text()[:-20])
    with pytest.raises(DatasetError, match=r'annotations\.json: cannot be read as JSON'):
        list(samples(dataset))


def test_layers_that_are_given_count_for_what_lies_below(dataset):
    def mixed(content):
        first, second = content['annotations'][:2]
        first.update(layer=2)
        first.pop('occluded_by')
        second.pop('layer')
        second.update(occluded_by=[first['id']])
    edit(dataset, mixed)
    assert next(samples(dataset)).layers.tolist()[:2] == [2, 3]


@pytest.mark.parametrize('key, reason', [('order', 'neither layer nor occluded_by'),
                                         ('crowd', 'iscrowd marks a group')])
def test_what_has_no_order_is_refused(dataset, key, reason):
    def spoil(content):
        first = content['annotations'][0]
        if key == 'crowd':
            first['iscrowd'] = 1
        else:
            first.pop('layer')
            first.pop('occluded_by')
    edit(dataset, spoil)
    with pytest.raises(DatasetError, match=reason):
        list(samples(dataset))


@pytest.mark.parametrize('name, most, reason', [
    ('MAX_FILE', 99, r'annotations\.json: larger than'),
    ('MAX_PIXELS', 119, r'annotations\.json: image 1: size 12x10 is not 1 to 119 pixels'),
    ('MAX_MASK_PIXELS', 239, 'image 1: 2 masks of 12x10 are more than 239 pixels')])
def test_more_than_memory_should_hold_is_refused(dataset, monkeypatch, name, most, reason):
    monkeypatch.setattr(amodal_coco, name, most)
    with pytest.raises(DatasetError, match=reason):
        list(samples(dataset))


def test_ids_of_a_scene_that_do_not_count_from_1_stay_apart_from_the_next_scenes(dataset):
    mask = np.ones((10, 12), bool)
    scenes = {name: LayeredScene(10, 12, tuple(AmodalObject(i, 1, mask, mask[None], 1.0)
                                               for i in ids))
              for name, ids in (('a.png', (2, 5)), ('b.png', (1, 2, 3)))}
    write_amodal_coco(dataset, scenes)
    assert [len(annotations) for _, annotations in read_amodal_coco(dataset)] == [2, 3]


def test_of_several_images_every_annotation_has_an_id_of_its_own(dataset):
    front, back = np.zeros((2, 10, 12), bool)
    front[1:5, 1:5], back[3:8, 4:10] = True, True
    scene = LayeredScene(10, 12, (AmodalObject(1, 1, front, front[None], 1.0),
                                  AmodalObject(2, 2, back, back[None], 1.0, (1,))))
    write_amodal_coco(dataset, {'a.png': scene, 'b.png': scene})
    found = json.loads(dataset.read_text())['annotations']
    assert [(a['id'], a['image_id'], a['occluded_by']) for a in found] == [
        (1, 1, []), (2, 1, [1]), (3, 2, []), (4, 2, [3])]
    assert found[1]['bbox'] == [4, 3, 6, 5]  # COCO's: left, top, width, height
    assert found[1]['area'] == 30


def test_what_ends_in_the_middle_leaves_the_old_file(dataset):
    def entries():
        yield {'id': 1}, []
        raise ValueError('stopped')
    before = dataset.read_bytes()
    with pytest.raises(ValueError, match='stopped'):
        amodal_coco.write_entries(dataset, entries())
    assert dataset.read_bytes() == before
    assert sorted(path.name for path in dataset.parent.iterdir()) == ['a.png', 'annotations.json']


def test_no_more_images_are_read_than_asked_for(dataset):
    (image, annotations), = read_amodal_coco(dataset)
    amodal_coco.write_entries(dataset, [(image, annotations), ({**image, 'id': 2}, [])])
    assert [len(list(samples(dataset, limit))) for limit in (None, 1)] == [2, 1]


def test_where_one_object_gives_a_layer_alone_masks_tell_who_lies_on_whom(dataset):
    edit(dataset, lambda c: c['annotations'][1].pop('occluded_by'))
    assert next(samples(dataset)).occluded.tolist() == [[False, False], [True, False]]


@pytest.mark.parametrize('point', [(14, 3), (-2, 3), (3, -2)])
def test_a_polygon_may_leave_the_image_on_no_side(dataset, point):
    edit(dataset, lambda c: c['annotations'][0].update(segmentation=[[1, 1, 2, 1, *point]]))
    with pytest.raises(DatasetError, match='lies outside of the image, which is 12x10'):
        list(samples(dataset))


def test_an_object_of_several_polygons_is_all_of_them(dataset):
    edit(dataset, lambda c: c['annotations'][0].update(
        segmentation=[[1, 1, 3, 1, 3, 3, 1, 3], [6, 6, 9, 6, 9, 9, 6, 9]]))
    assert next(samples(dataset)).masks[0].sum() == 4 + 9


def test_a_ragged_mask_comes_back_from_its_compressed_runs(dataset):
    mask = np.random.default_rng(0).random((40, 30)) < np.linspace(0, 1, 30)
    assert (read_mask(rle_of(mask), 40, 30, 'it', 'it') == mask).all()


@pytest.mark.parametrize('counts, reason', [('l1V2F', 'negative run'),        # 60, 70, -10
                                            ('p1h2', 'other characters')])    # 0 or 32, 88
def test_compressed_runs_that_cannot_be_are_refused(dataset, counts, reason):
    edit(dataset, lambda c: c['annotations'][0]['segmentation'].update(counts=counts))
    with pytest.raises(DatasetError, match=f'annotation 1: segmentation is .*{reason}'):
        list(samples(dataset))
