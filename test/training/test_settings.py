"""Settings are complete and known, or the file is refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from training.settings import made, read_settings


@dataclass
class Fruit:
    """Settings of every kind."""

    count: int
    weight: float
    size: tuple[float, float]
    names: tuple[str, ...]
    shares: Mapping[str, float]
    ripe: bool


FRUIT = {'count': 3, 'weight': 2, 'size': (1, 2.5), 'names': (), 'shares': {'red': 1}, 'ripe': True}


def written(tmp_path, text):
    path = tmp_path / 'some.yaml'
    path.write_text(text)
    return path


def test_lists_come_as_tuples(tmp_path):
    path = written(tmp_path, 'size: [1, 2]\nname: few\n')
    assert read_settings(path, {'size', 'name'}) == {'size': (1, 2), 'name': 'few'}


@pytest.mark.parametrize('text, reason', [
    ('size: 1\nsise: 2\n', r"some\.yaml: missing \['name'\], unknown \['sise'\]"),
    ('- size\n- name\n', r"missing \['name', 'size'\], unknown \[\]"),
    ('', r"missing \['name', 'size'\]"),
    ('size: 1\nname: few\nsize: 2\n', "'size' comes twice"),
    ('size: [1', r'some\.yaml: cannot be read .*; give another'),
])
def test_other_files_are_refused_by_name(tmp_path, text, reason):
    with pytest.raises(ValueError, match=f'(?s){reason}'):
        read_settings(written(tmp_path, text), {'size', 'name'}, '; give another')


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path):
    path = tmp_path / 'some.yaml'
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match=r'some\.yaml: cannot be read'):
        read_settings(path, {'size'})


def test_values_of_the_right_kind_are_taken():
    assert made(Fruit, FRUIT, 'here') == Fruit(**FRUIT)


@pytest.mark.parametrize('name, value, wanted', [
    ('count', 2.0, 'a whole number'), ('count', True, 'a whole number'),
    ('weight', float('nan'), 'a finite number'), ('weight', '1e-4', 'a finite number'),
    ('weight', None, 'a finite number'),
    ('size', (1,), 'a list of 2, each a finite number'), ('size', 3, 'a list of 2'),
    ('names', 'red', 'a list, each a word'), ('names', (1,), 'a list, each a word'),
    ('shares', ('red',), 'words, each with a finite number'),
    ('shares', {'red': None}, 'words, each with a finite number'),
    ('ripe', 1, 'true or false')])
def test_values_of_another_kind_are_named(name, value, wanted):
    with pytest.raises(ValueError, match=f'^here: {name} must be {wanted}.*, got '):
        made(Fruit, {**FRUIT, name: value}, 'here')
