"""The objects are split once and for all, and a missing pybullet is told with the way out."""

import sys

import pytest
from training.meshes.registry import import_pybullet, mesh_objects, MeshError, SPLITS

REASON = 'pybullet has wheels only for CPython 3.10 and 3.11 on Linux x86-64'


def test_no_object_is_in_both_splits():
    pytest.importorskip('pybullet', reason=REASON)
    train, test = (mesh_objects(split) for split in SPLITS)
    names = [item.name for item in (*train, *test)]
    assert len(set(names)) == len(names)
    assert 0.15 < len(test) / len(names) < 0.25
    assert {item.split for item in test} == {'test'}


def test_the_split_stays_what_it_was():
    pytest.importorskip('pybullet', reason=REASON)
    toys = {item.name for item in mesh_objects('test') if not item.name.startswith('random')}
    assert toys == {'soccerball', 'teddy'}
    assert [item.name for item in mesh_objects('test')[:2]] == ['random 471',
                                                                'random 365']


def test_unknown_splits_are_named():
    with pytest.raises(MeshError, match="'all': there are only train and test"):
        mesh_objects('all')


def test_a_missing_pybullet_is_told_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pybullet', None)
    with pytest.raises(MeshError, match='pip install pybullet'):
        import_pybullet()
