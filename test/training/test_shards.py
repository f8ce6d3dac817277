"""Parts that are done stay done; broken ones are named."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from training.meshes.registry import mesh_objects, MeshError
from training.shards import complete, parts_folder, PartsError, read_parts


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
    with pytest.raises(PartsError, match=r'1\.npz: not a readable.*; remove it and run again'):
        read_parts(complete(tmp_path, {'1': 1}, work, 1, 'numbers'))


def test_other_settings_need_another_folder(tmp_path):
    for _ in range(2):
        with parts_folder(tmp_path / 'out', {'seed': 1}) as folder:
            assert folder == tmp_path / 'out.parts'
    with pytest.raises(PartsError, match='other settings'), \
            parts_folder(tmp_path / 'out', {'seed': 2}):
        pass


def test_parts_of_unknown_settings_are_not_gone_on_with(tmp_path):
    with parts_folder(tmp_path / 'out', {'seed': 1}) as folder:
        complete(folder, {'1': 1}, work, 1, 'numbers')
    (folder / 'settings.json').unlink()  # killed while all of it was removed
    with pytest.raises(PartsError, match='remove the folder'), \
            parts_folder(tmp_path / 'out', {'seed': 2}):
        pass
    assert (folder / '1.npz').is_file()


def test_two_do_not_work_in_one_folder_at_once(tmp_path):
    with parts_folder(tmp_path / 'out', {'seed': 1}) as folder:
        again = parts_folder(tmp_path / 'out', {'seed': 1})
        with pytest.raises(ValueError, match=f'{folder}: another process works there'):
            again.__enter__()


def sleep_long(folder):
    """Say which process this is, and take long."""
    (Path(folder) / f'{os.getpid()}.worker').touch()
    time.sleep(300)
    return {}


def ended(pid):
    """Return whether a process is no more, or waits to be buried."""
    status = Path(f'/proc/{pid}/status')
    return not status.exists() or 'State:\tZ' in status.read_text()


def within(seconds, condition):
    """Wait until the condition holds; return whether it does in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / 'parent.py'
    script.write_text(
        'import sys\nfrom pathlib import Path\n'
        f'sys.path[:0] = [{str(Path.cwd())!r}, {str(Path(__file__).parent)!r}]\n'
        'from test_shards import sleep_long\nfrom training.shards import complete\n'
        'if __name__ == "__main__":\n'
        '    folder = sys.argv[1]\n'
        '    complete(Path(folder), {"1": folder, "2": folder}, sleep_long, 2, "slept")\n')
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)])
    assert within(120, lambda: len(list(tmp_path.glob('*.worker'))) == 2)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    workers = [path.stem for path in tmp_path.glob('*.worker')]
    assert within(60, lambda: all(ended(pid) for pid in workers))
