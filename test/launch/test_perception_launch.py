"""perception.launch.py as a robot starts it: real processes, its arguments, a clean end."""

import os
from pathlib import Path
import signal
import subprocess
import time

import pytest

LAUNCH = ['ros2', 'launch', 'seq_amodal_ros', 'perception.launch.py']


def ctrl_c_works():
    """Undo what a shell does to its background jobs: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(*arguments):
    """Start the launch file in a process group of its own, output to a pipe."""
    return subprocess.Popen([*LAUNCH, *arguments], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.STDOUT, start_new_session=True,
                            preexec_fn=ctrl_c_works)


def read_until(process, text, seconds=90):
    """Return the output up to a line that holds `text`; fails with the output if none does."""
    lines = []
    deadline = time.monotonic() + seconds
    for line in process.stdout:
        lines.append(line)
        if text in line or time.monotonic() > deadline:
            break
    assert text in lines[-1], ''.join(lines)
    return ''.join(lines)


def interrupted(process):
    """Press Ctrl-C and return the rest of the output."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=60)[0]


def test_the_node_comes_to_life_and_ctrl_c_ends_it_cleanly():
    process = started('image_topic:=/left/image', 'device:=cpu', 'namespace:=arm')
    output = read_until(process, 'segmenting /left/image')
    rest = interrupted(process)
    assert '[arm.perception]' in output
    assert 'finished cleanly' in rest
    assert 'Traceback' not in output + rest
    assert process.returncode == 0


@pytest.mark.parametrize('line, seconds', [
    ('process started', 0.5), ('process started', 1.5),  # modules are being loaded
    ('weights default', 0.0),                            # between configure and activate
])
def test_ctrl_c_ends_a_node_that_is_still_starting(line, seconds):
    process = started('image_topic:=/left/image', 'device:=cpu')
    output = read_until(process, line)
    time.sleep(seconds)
    rest = interrupted(process)
    assert 'finished cleanly' in rest
    assert 'Traceback' not in output + rest
    assert process.returncode == 0


def test_the_compressed_transport_is_looked_for_beside_the_image():
    process = started('image_topic:=/left/image', 'transport:=compressed')
    read_until(process, 'segmenting /left/image/compressed')
    assert 'finished cleanly' in interrupted(process)


def test_weights_that_are_missing_are_said_and_the_node_stays(tmp_path):
    process = started(f'weights:={tmp_path / "mine.safetensors"}')
    output = read_until(process, 'cannot configure')
    assert 'mine.safetensors' in output
    time.sleep(1)
    assert process.poll() is None
    assert 'finished cleanly' in interrupted(process)


@pytest.mark.parametrize('argument, reason', [('transport:=theora', 'theora'),
                                              ('log_level:=loud', 'loud')])
def test_arguments_out_of_range_are_refused(argument, reason):
    done = subprocess.run([*LAUNCH, argument], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert reason in done.stdout + done.stderr


def test_every_argument_is_described():
    shown = subprocess.run([*LAUNCH, '--show-args'], capture_output=True, text=True,
                           timeout=60).stdout
    for name in ('image_topic', 'transport', 'weights', 'device', 'params_file', 'namespace',
                 'log_level', 'use_sim_time'):
        described = shown.split(f"'{name}':")[1].strip().splitlines()[0]
        assert len(described) > 20, name


def test_parameters_come_from_the_file_that_is_named(tmp_path):
    default = Path(__file__).parents[2] / 'config' / 'perception.yaml'
    mine = tmp_path / 'mine.yaml'
    mine.write_text(default.read_text().replace('weights: default', 'weights: unheard_of'))
    process = started(f'params_file:={mine}')
    output = read_until(process, 'cannot configure')
    interrupted(process)
    assert "'unheard_of'" in output
