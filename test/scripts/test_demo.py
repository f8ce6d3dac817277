"""The demonstration leaves nothing running behind it."""

import importlib.util
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'demo.py'
CHILD = """
import pathlib, subprocess, sys, time
target = pathlib.Path(sys.argv[1])
first = len(sys.argv) == 2
other = [str(target.with_name('of its child')), 'child'] if first else []
child = subprocess.Popen([sys.executable, __file__, *other]) if first else None
try:
    if not first:
        target.with_name('ready').touch()
    time.sleep(60)
finally:
    if child is not None:
        child.wait()
    target.touch()
"""


@pytest.fixture
def demo(ctrl_c_works):
    """Yield the script as a module; what it does to signals is undone."""
    changed = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = [signal.getsignal(number) for number in changed]
    spec = importlib.util.spec_from_file_location('demo', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for number, handler in zip(changed, before):
        signal.signal(number, handler)


def test_what_takes_too_long_is_asked_to_end_with_all_its_children(demo, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, 'LIMIT', 5)
    script = tmp_path / 'launch.py'
    script.write_text(CHILD)
    with pytest.raises(subprocess.TimeoutExpired):
        demo.launched([sys.executable, str(script), str(tmp_path / 'of the launch')])
    assert {path.name for path in tmp_path.glob('of*')} == {'of the launch', 'of its child'}


def test_what_does_not_end_is_ended(demo, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, 'LIMIT', 5)
    monkeypatch.setattr(demo, 'GRACE', 1)
    note = tmp_path / 'pid'
    deaf = ('import os, pathlib, signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); '
            f'pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)')
    with pytest.raises(subprocess.TimeoutExpired):
        demo.launched([sys.executable, '-c', deaf])
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


@pytest.mark.parametrize('ending', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_what_ends_the_demonstration_ends_its_launch(ctrl_c_works, tmp_path, ending):
    script = tmp_path / 'launch.py'
    script.write_text(CHILD)
    run = (f'import runpy, sys; runpy.run_path({str(SCRIPT)!r})["launched"]'
           f'([sys.executable, {str(script)!r}, {str(tmp_path / "of the launch")!r}])')
    with subprocess.Popen([sys.executable, '-c', run], stderr=subprocess.DEVNULL) as demonstration:
        while not (tmp_path / 'ready').exists() and demonstration.poll() is None:
            time.sleep(0.1)
        demonstration.send_signal(ending)
        demonstration.wait(20)
    assert {path.name for path in tmp_path.glob('of*')} == {'of the launch', 'of its child'}


def test_what_ends_by_itself_is_let_end(demo):
    demo.launched([sys.executable, '-c', ''])
