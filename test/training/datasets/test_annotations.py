"""Masks and order are read under any keys; what is bad is named by file, id and key."""

import numpy as np
import pytest
from seq_amodal_ros.evaluation.amodal_coco import read_entries
from seq_amodal_ros.evaluation.sample import DatasetError
from training.datasets.annotations import describe, MAX_OBJECTS, read_scene, Source
from training.datasets.keymap import read_keymap


def read_first(foreign):
    """Return the first image of the data set, preprocessed."""
    foreign.write()
    [(image, annotations), *_], _ = read_entries(foreign.json)
    source = Source(foreign.json, foreign.pictures, read_keymap(str(foreign.map)))
    return read_scene(source, image, annotations)


@pytest.mark.parametrize('order, key', [
    ('occluded_by', 'under'), ('layer', 'layer'), ('smaller_nearer', 'layer'),
    ('larger_nearer', 'z.near')])
def test_every_kind_of_order_gives_the_same_scene(foreign, order, key):
    foreign.keys.update(order=order, order_key=key)
    scene = read_first(foreign)
    assert np.array_equal(scene.z, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert scene.masks.sum(axis=(1, 2)).tolist() == [32 * 32, 32 * 32, 16 * 16]
    assert scene.visible.sum(axis=(1, 2)).tolist() == [32 * 32, 32 * 32 - 16 * 16, 16 * 16 - 8 * 8]


def test_masks_are_read_as_rle_too(foreign):
    runs = [128 * 64, 128 * 64]  # the right half
    foreign.content['annotations'][0]['amodal_segm'] = {'size': [128, 128], 'counts': runs}
    scene = read_first(foreign)
    assert scene.masks[0, :, 32:].all() and not scene.masks[0, :, :32].any()


def test_given_visible_masks_are_kept(foreign):
    foreign.keys['visible'] = 'seen'
    for annotation in foreign.content['annotations']:
        annotation['seen'] = annotation['amodal_segm']
    foreign.content['annotations'][0]['seen'] = foreign.polygon(8, 8, 20)
    assert read_first(foreign).visible.sum(axis=(1, 2)).tolist() == [100, 1024, 256]


def test_an_object_that_is_all_hidden_leaves_its_image_out(foreign):
    foreign.keys['visible'] = 'seen'
    for annotation in foreign.content['annotations']:
        annotation['seen'] = []
    assert read_first(foreign) == 'an object that shows less than 10 pixels'


def test_objects_beside_the_crop_are_gone(foreign, wide_picture):
    foreign.keys['crop'] = 'left'
    wide_picture(foreign)
    foreign.content['annotations'][2]['amodal_segm'] = foreign.polygon(140, 10, 30)
    scene = read_first(foreign)
    assert len(scene.masks) == 2


def change_first(**values):
    """Return a change of the first annotation."""
    return lambda c: c['annotations'][0].update(values)


@pytest.mark.parametrize('change, reason', [
    (lambda c: c['annotations'][0].pop('amodal_segm'),
     r"annotation 11: key 'amodal_segm' \(amodal in .*map\.yaml\) is missing; it has id, image_id"),
    (lambda c: c['annotations'][1].pop('under'), r"annotation 12: key 'under' \(order_key in "),
    (change_first(amodal_segm=[[0, 0, 9, 0, 9, 140]]),
     r'annotation 11: amodal_segm: point \(9, 140\) lies outside'),
    (change_first(amodal_segm={'size': [64, 64], 'counts': [0, 4096]}),
     'annotation 11: amodal_segm: mask is 64x64, the image is 128x128'),
    (change_first(amodal_segm={'size': [128, 128], 'counts': [0, 4096]}),
     'annotation 11: amodal_segm: RLE of 4096 pixels, the image has 16384'),
    (change_first(amodal_segm={'size': [128, 128], 'counts': [16384]}),
     'annotation 11: amodal_segm: its amodal mask is empty'),
    (change_first(iscrowd=1), 'annotation 11: iscrowd marks a group of objects'),
    (change_first(under=[13]), 'under: occlusion cycle: .*object 0 is annotation 11'),
    (change_first(under=[21]), 'annotation 11: under names 21, which is no annotation of its'),
    (change_first(under='12'), 'annotation 11: under must be a list of annotation ids'),
    (lambda c: c['images'][0].update(height=-1), 'image 1: size 128x-1 is not'),
    (lambda c: c['images'][0].update(height=10 ** 9), 'image 1: size 128x1000000000 is not'),
    (lambda c: c['images'][0].update(file_name='4.png'), 'image 1: file_name: no file .*4.png'),
    (lambda c: c['annotations'].extend(
        {'id': 1000 + i, 'image_id': 1} for i in range(MAX_OBJECTS)), 'image 1: 1003 annotations'),
])
def test_what_is_bad_is_named_by_file_id_and_key(foreign, change, reason):
    change(foreign.content)
    with pytest.raises(DatasetError, match=rf'train\.json: {reason}'):
        read_first(foreign)


@pytest.mark.parametrize('values, reason', [
    ({'layer': 'top'}, "annotation 11: layer must be a number, got 'top'"),
    ({'layer': float('nan')}, 'annotation 11: layer must be a number, got nan'),
    ({'layer': 10 ** 400}, 'annotation 11: layer must be a number, got 1000'),
    ({'layer': 2}, 'annotation 12: layer is the same as that of annotation 11, and they overlap'),
])
@pytest.mark.parametrize('order', ['smaller_nearer', 'layer'])
def test_numbers_that_give_no_order_are_named(foreign, order, values, reason):
    foreign.keys.update(order=order, order_key='layer')
    foreign.content['annotations'][0].update(values)
    with pytest.raises(DatasetError, match=reason):
        read_first(foreign)


@pytest.mark.parametrize('order, refused', [('layer', False), ('smaller_nearer', True)])
def test_objects_of_a_layer_may_graze(foreign, order, refused):
    foreign.keys.update(order=order, order_key='layer')
    del foreign.content['annotations'][2]
    first, second = foreign.content['annotations'][:2]
    first.update(amodal_segm=foreign.polygon(0, 0, 64))
    second.update(amodal_segm=foreign.polygon(62, 62, 64), layer=1)
    if refused:
        with pytest.raises(DatasetError, match='is the same as that of annotation'):
            read_first(foreign)
    else:
        assert not read_first(foreign).z[:2, :2].any()


def test_pictures_that_are_cut_off_are_named(foreign):
    path = foreign.pictures / '1.png'
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DatasetError, match=r'image 1: file_name: .*1\.png: not a readable picture'):
        read_first(foreign)


def test_pictures_of_another_size_are_named(foreign, wide_picture):
    wide_picture(foreign)
    foreign.content['images'][0]['width'] = 128
    with pytest.raises(DatasetError, match=r'1\.png is 192x128, height and width say 128x128'):
        read_first(foreign)


def test_the_keys_of_a_file_are_described(foreign):
    foreign.content['annotations'][0]['rle'] = {'size': [2, 2], 'counts': 'x'}
    foreign.write()
    lines = describe(foreign.json).splitlines()
    assert lines[0].endswith('3 images, 9 annotations, 0 faults')
    assert '  amodal_segm: polygons, 1 long, in 9' in lines
    assert "  z.near: int, such as '8', in 9" in lines
    assert '  rle: RLE of size [2, 2], in 1' in lines
    assert '  under: list of nothing, 0 long, in 9' in lines


def test_occluders_that_leave_an_overlap_without_order_are_named(foreign):
    foreign.keys.update(order='occluded_by', order_key='under')
    for annotation in foreign.content['annotations']:
        annotation['under'] = []
    with pytest.raises(DatasetError, match='annotation 12: under and that of annotation 11 name '
                                           'neither other, and they overlap'):
        read_first(foreign)


def test_a_file_name_that_no_file_has_is_named(foreign):
    foreign.content['images'][0]['file_name'] = 'a' * 300
    with pytest.raises(DatasetError, match=r'image 1: file_name: .*too long'):
        read_first(foreign)
