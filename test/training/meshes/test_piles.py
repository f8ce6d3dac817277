"""Piles carry exact truth, read back as amodal COCO, and depend on nothing but the seed."""

from pathlib import Path

import numpy as np
import pytest
from seq_amodal_ros.evaluation.amodal_coco import read_amodal_coco, samples
from seq_amodal_ros.evaluation.coco_masks import read_mask
from seq_amodal_ros.scene import occlusion_layers
from training.meshes import piles
from training.meshes.piles import main, Order, render_pile, write_piles
from training.meshes.registry import mesh_objects, MeshError

pytest.importorskip('pybullet', reason='pybullet has wheels only for CPython 3.10 and 3.11 on '
                                       'Linux x86-64')
SIDE = 64
SMALL = ['--scenes', '2', '--side', str(SIDE), '--objects', '2', '4', '--workers', '1']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Return a folder of two small piles."""
    out = tmp_path_factory.mktemp('piles') / 'set'
    assert main(['--out', str(out), *SMALL]) == 0
    return out


@pytest.fixture(scope='module')
def crowded():
    """Return one scene of many objects, as arrays."""
    return render_pile(Order(0, tuple(mesh_objects('test')), (7, 9), SIDE, 1))


def test_piles_read_back_as_amodal_coco(made):
    found = list(samples(made / 'annotations.json'))
    assert [Path(sample.name).name for sample in found] == ['00000.png', '00001.png']
    for sample in found:
        assert sample.read().shape == (SIDE, SIDE, 3)
        assert 2 <= len(sample.masks) <= 4


def test_written_visible_masks_are_disjoint_and_leave_nothing_out(made):
    for image, annotations in read_amodal_coco(made / 'annotations.json'):
        amodal, visible = (np.array([read_mask(each[key], SIDE, SIDE, 'each', key)
                                     for each in annotations])
                           for key in ('segmentation', 'visible_segmentation'))
        assert (visible.sum(axis=0) == amodal.any(axis=0)).all(), image['file_name']
        assert not (visible & ~amodal).any()


def test_visible_masks_lie_within_amodal_ones_and_show_enough(crowded):
    masks, visible = crowded['masks'], crowded['visible']
    assert 7 <= len(masks) <= 9
    assert not (visible & ~masks).any()
    assert (visible.sum(axis=0) <= 1).all()
    assert (visible.sum(axis=(1, 2)) >= 10).all()
    assert np.array_equal(visible.any(axis=0), masks.any(axis=0))


def test_occluded_objects_lie_on_deeper_layers(crowded):
    masks, visible, z = (crowded[key] for key in ('masks', 'visible', 'z'))
    assert z.any()
    layers = occlusion_layers(z)
    for i, j in np.argwhere(z):
        shared = masks[i] & masks[j]
        assert shared.any() and layers[i] > layers[j]
        assert (visible[j] & shared).sum() >= (visible[i] & shared).sum()


def test_an_interrupted_run_goes_on_to_the_same_end(made, tmp_path, monkeypatch):
    def interrupted(order):
        if order.index:
            raise KeyboardInterrupt
        return render_pile(order)

    out = tmp_path / 'set'
    monkeypatch.setattr(piles, 'render_pile', interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_piles(out, 2, 'test', SIDE, (2, 4), seed=0, workers=1)
    assert not out.exists()
    monkeypatch.setattr(piles, 'render_pile', render_pile)
    write_piles(out, 2, 'test', SIDE, (2, 4), seed=0, workers=1)
    assert list(tmp_path.iterdir()) == [out]
    names = sorted(path.relative_to(out) for path in out.rglob('*.*'))
    assert len(names) == 3
    assert all((made / name).read_bytes() == (out / name).read_bytes() for name in names)


def test_a_folder_that_exists_is_left_alone(made, capsys):
    assert main(['--out', str(made), *SMALL]) == 2
    assert 'exists already' in capsys.readouterr().err


def test_draws_of_no_use_come_to_an_end(monkeypatch):
    monkeypatch.setattr(piles, '_drawn', lambda order, rng: None)
    with pytest.raises(MeshError, match='scene 3: 30 draws'):
        render_pile(Order(3, (), (1, 1), SIDE, 0))


@pytest.mark.parametrize('options', [['--scenes', '0'], ['--side', '8'], ['--objects', '4', '2'],
                                     ['--objects', '3', '60']])
def test_settings_that_cannot_be_are_refused(tmp_path, capsys, options):
    assert main(['--out', str(tmp_path / 'set'), *options]) == 2
    assert options[1] in capsys.readouterr().err
