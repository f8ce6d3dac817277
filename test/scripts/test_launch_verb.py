"""The verb `ros2 launch` of .env/ on launch files of its own."""

import os
import subprocess

import pytest

pytestmark = pytest.mark.skipif('ROS_DISTRO' in os.environ, reason='a real ROS has its own verb')

INTERRUPTS_ITSELF = """
import os
import signal
import time

from launch import LaunchDescription
from launch.actions import OpaqueFunction


def work(context):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
    print('step done')


def generate_launch_description():
    return LaunchDescription([OpaqueFunction(function=work)])
"""


@pytest.fixture
def launch(tmp_path):
    """Return a function that runs the text of a launch file and returns what became of it."""
    def run(text, *arguments):
        path = tmp_path / 'own.launch.py'
        path.write_text(text)
        return subprocess.run(['ros2', 'launch', str(path), *arguments], capture_output=True,
                              text=True, timeout=60)
    return run


def test_ctrl_c_amid_a_step_ends_launch_and_loses_nothing_of_the_step(launch, ctrl_c_works):
    done = launch(INTERRUPTS_ITSELF)
    output = done.stdout + done.stderr
    assert 'step done' in output
    assert 'interrupted with ctrl-c' in output
    assert done.returncode == 0
