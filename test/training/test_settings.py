"""Settings are complete and known, or the file is refused by name."""

import pytest
from training.settings import read_settings


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
    ('size: [1', r'some\.yaml: cannot be read .*; give another'),
])
def test_other_files_are_refused_by_name(tmp_path, text, reason):
    with pytest.raises(ValueError, match=f'(?s){reason}'):
        read_settings(written(tmp_path, text), {'size', 'name'}, '; give another')
