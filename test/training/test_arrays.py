"""Arrays come back as they were; what is no file of arrays is named."""

import zipfile

import numpy as np
import pytest
from training import arrays
from training.arrays import ArraysError, read_arrays, save_arrays

HEADER = b'\x93NUMPY\x01\x00\x60\x00' + b"{'descr': '|u1', 'fortran_order': False, 'shape': (%s)}"


def with_member(path, name, content):
    """Write a zip file of one member; a header is filled up to the length that it states."""
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr(name.decode(), content.ljust(106))


@pytest.fixture
def saved(tmp_path):
    """Return the path of a file of two arrays."""
    path = tmp_path / 'some.npz'
    save_arrays(path, {'a': np.arange(1000), 'b': np.array(['x', 'y'])})
    return path


def test_arrays_come_back(saved):
    found = read_arrays(saved)
    assert found['a'].tolist() == list(range(1000))
    assert found['b'].tolist() == ['x', 'y']


@pytest.mark.parametrize('spoil', [
    lambda path, content: path.write_bytes(content[:len(content) // 2]),
    lambda path, content: path.write_bytes(content[:100] + b'spoilt' + content[106:]),
    lambda path, content: path.write_bytes(b''),
    lambda path, content: np.save(path.open('wb'), np.arange(3)),
    lambda path, content: np.savez(path, a=np.array([{}], object)),
    lambda path, content: with_member(path, b'rgba', b'no array'),
    lambda path, content: with_member(path, b'rgba.npy', HEADER % (b'9' * 30 + b',')),
    lambda path, content: with_member(path, b'rgba.npy', HEADER % b'"""'),
    lambda path, content: path.unlink()])
def test_what_is_no_file_of_arrays_is_named(saved, spoil):
    spoil(saved, saved.read_bytes())
    with pytest.raises(ArraysError, match=r'some\.npz: not a readable'):
        read_arrays(saved)


def test_more_than_can_be_meant_is_not_unpacked(saved, monkeypatch):
    with zipfile.ZipFile(saved) as file:
        size = sum(entry.file_size for entry in file.infolist())
    monkeypatch.setattr(arrays, 'MAX_BYTES', size - 1)
    with pytest.raises(ArraysError, match=f'take {size} bytes, at most {size - 1} are read'):
        read_arrays(saved)
