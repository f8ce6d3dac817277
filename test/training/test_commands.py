"""Command lines of training describe themselves and take the same options."""

from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
from training.commands import (
    add_cutouts,
    add_device,
    check_file,
    check_folder,
    check_range,
    check_writable,
    parser_of,
)


def test_help_is_the_docstring_of_the_module():
    text = parser_of('\nTrain it.\n\n    python -m this --run there\n').format_help()
    assert '\nTrain it.\n' in text
    assert text.endswith('python -m this --run there\n')


def test_options_that_many_commands_have():
    parser = parser_of('Train it.')
    add_cutouts(parser)
    add_device(parser)
    given = parser.parse_args(['--cutouts', 'a.npz', 'b.npz'])
    assert given.cutouts == [Path('a.npz'), Path('b.npz')]
    assert given.device == 'auto'


@pytest.mark.parametrize('seconds', [0, 5])  # while modules are imported, and at work
def test_ctrl_c_ends_a_command_without_a_traceback(ctrl_c_works, tmp_path, seconds):
    command = subprocess.Popen([sys.executable, '-m', 'training.preview', '--out', str(tmp_path),
                                '--scenes', '60000', '--side', '64'],
                               stderr=subprocess.PIPE, text=True)
    loaded = Path(f'/proc/{command.pid}/maps')
    while 'libtorch' not in loaded.read_text() and command.poll() is None:
        time.sleep(0.05)
    time.sleep(seconds)
    command.send_signal(signal.SIGINT)
    assert command.communicate(timeout=60)[1] == 'interrupted\n'
    assert command.returncode == -signal.SIGINT


@pytest.mark.parametrize('value', [0.5, 3.1, float('nan'), float('inf')])
def test_a_value_out_of_its_range_is_named(value):
    check_range('--rate', 1, 1, 3)
    with pytest.raises(ValueError, match='--rate must lie in 1 to 3, got '):
        check_range('--rate', value, 1, 3)


def test_what_cannot_be_written_is_named_before_work_starts(tmp_path):
    (tmp_path / 'file').touch()
    check_file(tmp_path / 'new' / 'some.npz')
    check_folder(tmp_path / 'new')
    assert list((tmp_path / 'new').iterdir()) == []
    with pytest.raises(ValueError, match='new: is a folder; give the name of a file'):
        check_file(tmp_path / 'new')
    for check in (check_file, check_writable):
        with pytest.raises(ValueError, match=r'file/some: cannot be written .*; give another'):
            check(tmp_path / 'file' / 'some')
        with pytest.raises(ValueError, match=r'/'):
            check(Path('/'))
    with pytest.raises(ValueError, match=r'file: no folder to write to .*; give another --out'):
        check_folder(tmp_path / 'file')
