"""No reader sees half a file; what cannot be written is named before the work."""

import os
from pathlib import Path

import pytest
from seq_amodal_ros.files import (
    check_writable,
    expanded,
    write_atomic,
    write_together,
    written_atomic,
)


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / 'file'
    write_atomic(path, b'old')
    monkeypatch.setattr('pathlib.Path.replace', lambda *_: (_ for _ in ()).throw(OSError('full')))
    with pytest.raises(OSError, match='full'):
        write_atomic(path, b'new')
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_of_files_that_go_together_none_is_replaced_before_all_are_written(tmp_path, monkeypatch):
    first, second = tmp_path / 'a', tmp_path / 'b'
    write_together({first: b'old', second: b'old'})
    write = Path.write_bytes

    def full(path, data):
        if '.b.' in path.name:
            raise OSError('full')
        return write(path, data)
    monkeypatch.setattr('pathlib.Path.write_bytes', full)
    with pytest.raises(OSError, match='full'):
        write_together({first: b'new', second: b'new'})
    assert (first.read_bytes(), second.read_bytes()) == (b'old', b'old')
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_what_stands_in_the_way_is_what_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match=f"'{tmp_path / 'file' / 'below'}'"):
        write_atomic(tmp_path / 'file' / 'below' / 'x.json', b'')


def test_asking_makes_the_folder_and_changes_no_file(tmp_path):
    path = tmp_path / 'new' / 'file'
    check_writable(path)
    assert list((tmp_path / 'new').iterdir()) == []
    path.write_bytes(b'old')
    check_writable(path)
    assert path.read_bytes() == b'old'


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').touch()
    for path in (tmp_path / 'file' / 'below', tmp_path, Path('/')):
        with pytest.raises(ValueError, match=f'^{path}: cannot be written .*; give another'):
            check_writable(path)


def test_what_a_symlink_leads_to_is_written_and_the_link_stays(tmp_path):
    file, link = tmp_path / 'of_today' / 'file', tmp_path / 'latest'
    file.parent.mkdir()
    link.symlink_to(file)
    for data in (b'first', b'second'):
        check_writable(link)
        write_atomic(link, data)
        assert link.is_symlink()
        assert file.read_bytes() == data
    assert list(file.parent.iterdir()) == [file]


def test_a_text_written_bit_by_bit_is_there_whole_or_not_at_all(tmp_path):
    file, link = tmp_path / 'file', tmp_path / 'link'
    link.symlink_to(file)
    with written_atomic(link) as stream:
        stream.write('first')
        assert not file.exists()
    with pytest.raises(KeyError), written_atomic(link) as stream:
        stream.write('half')
        raise KeyError
    assert (file.read_text(), link.is_symlink()) == ('first', True)
    assert sorted(tmp_path.iterdir()) == [file, link]


def test_what_is_no_plain_file_is_named_and_stays(tmp_path):
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match=f'^{pipe}: cannot be written .*no plain file'):
        check_writable(pipe)
    with pytest.raises(OSError, match='no plain file'):
        write_atomic(pipe, b'')
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_home_is_found_and_one_that_is_not_there_is_named():
    assert expanded('~/x') == Path.home() / 'x'
    with pytest.raises(ValueError, match=r'^~nobody_here/x: '):
        expanded('~nobody_here/x')
