"""Parts that are done stay done; broken ones are named."""

import numpy as np
import pytest
from training.meshes.registry import mesh_objects, MeshError
from training.meshes.shards import complete, parts_folder, read_parts


def work(number):
    """Return an array of the number; of 3 there is none."""
    if number == 3:
        raise MeshError('no 3')
    return {'number': np.array([number])}


def test_what_was_done_before_an_error_is_not_done_again(tmp_path):
    done = []
    tasks = {str(number): number for number in (1, 2, 3)}
    with pytest.raises(MeshError, match='no 3'):
        complete(tmp_path, tasks, work, 1, 'numbers')

    def counted(number):
        done.append(number)
        return {'number': np.array([number])}

    paths = complete(tmp_path, tasks, counted, 1, 'numbers')
    assert done == [3]
    assert [int(part['number'][0]) for part in read_parts(paths)] == [1, 2, 3]


def test_errors_of_other_processes_arrive(tmp_path):
    with pytest.raises(MeshError, match='there are only'):
        complete(tmp_path, {'3': 'three', '1': 'one'}, mesh_objects, 2, 'numbers')


def test_broken_parts_are_named(tmp_path):
    (tmp_path / '1.npz').write_bytes(b'half a')
    with pytest.raises(MeshError, match=r'1\.npz: broken'):
        read_parts(complete(tmp_path, {'1': 1}, work, 1, 'numbers'))


def test_other_settings_need_another_folder(tmp_path):
    folder = parts_folder(tmp_path / 'out', {'seed': 1})
    assert parts_folder(tmp_path / 'out', {'seed': 1}) == folder
    with pytest.raises(MeshError, match='other settings'):
        parts_folder(tmp_path / 'out', {'seed': 2})
