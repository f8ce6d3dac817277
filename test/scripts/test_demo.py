"""The demonstration leaves nothing running behind it."""

import importlib.util
from pathlib import Path
import subprocess
import sys

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'demo.py'
CHILD = """
import pathlib, subprocess, sys, time
target = pathlib.Path(sys.argv[1])
first = len(sys.argv) == 2
other = [str(target.with_name('of its child')), 'child'] if first else []
child = subprocess.Popen([sys.executable, __file__, *other]) if first else None
try:
    time.sleep(60)
finally:
    if child is not None:
        child.wait()
    target.touch()
"""


@pytest.fixture
def demo():
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location('demo', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_takes_too_long_is_asked_to_end_with_all_its_children(demo, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, 'LIMIT', 2)
    script = tmp_path / 'launch.py'
    script.write_text(CHILD)
    with pytest.raises(subprocess.TimeoutExpired):
        demo.launched([sys.executable, str(script), str(tmp_path / 'of the launch')])
    assert {path.name for path in tmp_path.glob('of*')} == {'of the launch', 'of its child'}


def test_what_does_not_end_is_ended(demo, monkeypatch):
    monkeypatch.setattr(demo, 'LIMIT', 1)
    monkeypatch.setattr(demo, 'GRACE', 1)
    deaf = 'import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)'
    with pytest.raises(subprocess.TimeoutExpired):
        demo.launched([sys.executable, '-c', deaf])


def test_what_ends_by_itself_is_let_end(demo):
    demo.launched([sys.executable, '-c', ''])
