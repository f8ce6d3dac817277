"""Sources are what a protocol composes from: the right part of the given, and drawn ones."""

from dataclasses import replace

import numpy as np
import pytest
from training.cutouts import CutoutError
from training.engine.protocols import read_protocol
from training.engine.sources import sources_of

MIXED = replace(read_protocol('mixed'), procedural=5)


@pytest.fixture
def fruit(tmp_path):
    """Return a file of three apples, of which one is a variety of its own, and one pear."""
    rgba = np.zeros((4, 20, 20, 4), np.uint8)
    rgba[:, 5:15, 5:15] = 255
    path = tmp_path / 'fruit.npz'
    np.savez(path, rgba=rgba, label=np.array([0, 0, 0, 1]), class_names=np.array(['apple', 'pear']),
             variety=np.array(['red', 'red', 'green', 'pear']))
    return path


def test_drawn_objects_get_the_share_that_the_protocol_says(fruit):
    sources, weights = sources_of([fruit], MIXED)
    assert [source.name for source in sources] == ['fruit', 'procedural']
    assert weights == pytest.approx([1 - MIXED.procedural_share, MIXED.procedural_share])


def test_without_cutouts_all_is_drawn():
    sources, weights = sources_of([], MIXED)
    assert [len(source) for source in sources] == [5]
    assert weights == [1.0]


@pytest.mark.parametrize('part, count', [('train', 2), ('varieties', 1), ('classes', 1)])
def test_parts_share_nothing(fruit, part, count):
    only_given = replace(MIXED, procedural=0, procedural_share=0.0)
    sources, _ = sources_of([fruit], only_given, ['pear'], ['green'], part)
    assert [len(source) for source in sources] == [count]


def test_a_class_that_no_file_holds_is_named(fruit):
    with pytest.raises(CutoutError, match=r'no cutout of class banana.*fruit\.npz'):
        sources_of([fruit], replace(MIXED, classes=('apple', 'banana')))


def test_nothing_to_compose_from_says_what_to_give(fruit):
    only_given = replace(MIXED, procedural=0, procedural_share=0.0)
    with pytest.raises(CutoutError, match=r"draws no objects itself.*'varieties'.*--cutouts"):
        sources_of([fruit], only_given, part='varieties')
