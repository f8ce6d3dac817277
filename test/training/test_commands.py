"""Command lines of training describe themselves and take the same options."""

from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
from training.commands import add_cutouts, add_device, check_folder, check_range, parser_of


def test_help_is_the_docstring_of_the_module():
    text = parser_of('\nTrain it.\n\n    python -m this --out there\n').format_help()
    assert '\nTrain it.\n' in text
    assert text.endswith('python -m this --out there\n')


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
                                '--scenes', '4096', '--side', '64', '--protocols',
                                'mixed', 'bin', 'close', 'flat', 'stacks', 'tools'],
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


def test_a_folder_is_made_or_named_before_work_starts(tmp_path):
    check_folder(tmp_path / 'new')
    check_folder(tmp_path / 'new')
    assert list((tmp_path / 'new').iterdir()) == []
    (tmp_path / 'file').touch()
    for folder in (tmp_path / 'file', tmp_path / 'file' / 'below'):
        with pytest.raises(ValueError, match=f'^{folder}: no folder to write to .* another --out'):
            check_folder(folder)
