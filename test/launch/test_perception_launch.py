"""perception.launch.py as a robot starts it: real processes, its arguments, a clean end."""

from pathlib import Path
import re
import subprocess
import time

from lifecycle_msgs.srv import GetState
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

NAME = 'perception.launch.py'
LAUNCH = ['ros2', 'launch', 'seq_amodal_ros', NAME]


def test_the_node_comes_to_life_and_ctrl_c_ends_it_cleanly(launched):
    node = launched(NAME, 'image_topic:=/left/image', 'device:=cpu', 'namespace:=arm')
    output = node.read_until('segmenting /left/image')
    rest, status = node.interrupted()
    assert '[arm.perception]' in output
    assert 'finished cleanly' in rest
    assert 'Traceback' not in output + rest
    assert status == 0


@pytest.mark.parametrize('line, seconds', [
    ('process started', 0.5), ('process started', 1.5),  # modules are being loaded
    ('weights default', 0.0),                            # between configure and activate
])
def test_ctrl_c_ends_a_node_that_is_still_starting(launched, line, seconds):
    node = launched(NAME, 'image_topic:=/left/image', 'device:=cpu')
    output = node.read_until(line)
    time.sleep(seconds)
    rest, status = node.interrupted()
    assert 'finished cleanly' in rest
    assert 'Traceback' not in output + rest
    assert status == 0


def test_the_compressed_transport_is_looked_for_beside_the_image(launched):
    node = launched(NAME, 'image_topic:=/left/image', 'transport:=compressed')
    node.read_until('segmenting /left/image/compressed')
    assert 'finished cleanly' in node.interrupted()[0]


def test_weights_that_are_missing_are_said_and_the_node_stays(launched, tmp_path):
    node = launched(NAME, f'weights:={tmp_path / "mine.safetensors"}')
    assert 'mine.safetensors' in node.read_until('cannot configure')
    time.sleep(1)
    assert node.process.poll() is None
    assert 'finished cleanly' in node.interrupted()[0]


def state_of(name, patience=90):
    """Return the state that a lifecycle node says it is in, which it can once it spins."""
    context = Context()
    rclpy.init(context=context)
    try:
        node = rclpy.create_node('asker', context=context)
        client = node.create_client(GetState, f'{name}/get_state')
        assert client.wait_for_service(patience)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        answer = client.call_async(GetState.Request())
        executor.spin_until_future_complete(answer, patience)
        return answer.result().current_state.label
    finally:
        rclpy.shutdown(context=context)


@pytest.mark.parametrize('autostart, state', [('true', 'active'), ('false', 'unconfigured')])
def test_a_lifecycle_manager_may_start_the_node_instead(launched, autostart, state):
    node = launched(NAME, 'image_topic:=/left/image', 'device:=cpu', f'autostart:={autostart}')
    assert state_of('/perception') == state  # it starts itself before it answers
    rest, _ = node.interrupted()
    assert ('weights default' in rest) == (state == 'active')
    assert 'Traceback' not in rest
    assert 'finished cleanly' in rest


@pytest.mark.parametrize('argument, reason', [('transport:=theora', 'theora'),
                                              ('log_level:=loud', 'loud'),
                                              ('image_topic:=', 'image_topic is empty'),
                                              ('params_file:=/none.yaml', "'/none.yaml': no such"),
                                              ('params_file:=~no_one/a', 'params_file ~no_one/a')])
def test_arguments_out_of_range_are_refused(argument, reason):
    done = subprocess.run([*LAUNCH, argument], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert reason in done.stdout + done.stderr


def test_every_argument_is_described():
    shown = subprocess.run([*LAUNCH, '--show-args'], capture_output=True, text=True,
                           timeout=60).stdout
    names = re.findall(r"^ *'(\w+)':", shown, re.M)
    assert {'image_topic', 'params_file', 'autostart'} <= set(names)
    for name in names:
        described = shown.split(f"'{name}':")[1].strip().splitlines()[0]
        assert len(described) > 20, name


def test_parameters_come_from_the_file_that_is_named(launched, tmp_path):
    default = Path(__file__).parents[2] / 'config' / 'perception.yaml'
    mine = tmp_path / 'mine.yaml'
    mine.write_text(default.read_text().replace('weights: default', 'weights: unheard_of'))
    assert "'unheard_of'" in launched(NAME, f'params_file:={mine}').read_until('cannot configure')
