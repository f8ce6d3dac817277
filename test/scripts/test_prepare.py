"""What cannot be prepared is said before anything is downloaded; what is done stays done."""

import importlib.util
import os
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / 'scripts' / 'prepare.py'


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Return the script as a module, its environment in a folder of its own."""
    spec = importlib.util.spec_from_file_location('prepare', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, 'ENV', tmp_path / '.env')
    (tmp_path / '.env' / 'bin').mkdir(parents=True)
    return module


def executable(path, text):
    """Write a program of the shell."""
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return path


def test_a_ros_that_is_too_old_is_named(prepare, monkeypatch, tmp_path):
    monkeypatch.setenv('ROS_DISTRO', 'humble')
    for held, fits in (('1.21.5', False), ('1.26.4', True), ('2.3.0', True)):
        monkeypatch.setattr(prepare, 'PYTHON', executable(tmp_path / 'python', f'echo {held}'))
        if fits:
            prepare.check_ros()
            continue
        with pytest.raises(prepare.PreparationError, match=r'compiled for NumPy 1\.21\.5'):
            prepare.check_ros()


def test_a_ros_of_another_python_is_named(prepare, monkeypatch, tmp_path):
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    monkeypatch.setattr(prepare, 'PYTHON', executable(
        tmp_path / 'python', 'echo "ModuleNotFoundError: rclpy" >&2; exit 1'))
    with pytest.raises(prepare.PreparationError, match='cannot use it: ModuleNotFoundError: rclpy'):
        prepare.check_ros()


def test_a_colcon_of_the_environments_own_is_still_to_be_installed(prepare, monkeypatch, tmp_path):
    monkeypatch.setattr(prepare, 'HAS_ROS', True)
    system = tmp_path / 'system'
    system.mkdir()
    monkeypatch.setenv('PATH', os.pathsep.join([str(prepare.ENV / 'bin'), str(system)]))
    executable(prepare.ENV / 'bin' / 'colcon', '')
    assert 'colcon.txt' in [path.name for path in prepare.requirement_files()]
    executable(system / 'colcon', '')
    assert 'colcon.txt' not in [path.name for path in prepare.requirement_files()]


def test_a_machine_that_no_wheels_of_ros_are_for_is_named(prepare, monkeypatch):
    monkeypatch.setattr(prepare, 'HAS_ROS', False)
    monkeypatch.setattr(prepare.platform, 'machine', lambda: 'aarch64')
    with pytest.raises(prepare.PreparationError, match=r'on aarch64: .*source a ROS 2'):
        prepare.check_machine()
