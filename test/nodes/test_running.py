"""A node ends by Ctrl-C between two steps; a real fault is still one."""

import gc
import os
import signal
import threading

import pytest
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
import rclpy
from rclpy.parameter import Parameter
from seq_amodal_ros.bridge.messages import MessagesNotBuiltError
from seq_amodal_ros.nodes.running import ros


@pytest.fixture(autouse=True)
def pytest_keeps_ctrl_c():
    """Give the handler of Ctrl-C back after each test."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_spinning_and_no_step_before_it():
    with ros() as spin:
        node = rclpy.create_node('some_node')
        os.kill(os.getpid(), signal.SIGINT)
        finished = sum(range(100_000))  # Python would raise KeyboardInterrupt here
        spin(node)
    assert finished
    assert not rclpy.ok()


def test_a_context_that_goes_after_whoever_waits_was_woken_ends_spinning():
    with ros() as spin:
        node = rclpy.create_node('some_node')
        gone = threading.Timer(0.3, rclpy.get_default_context().handle.shutdown)  # wakes nobody
        gone.start()
        spin(node)
    assert gone.finished.is_set()
    assert not rclpy.ok()


def test_spinning_ends_once_all_is_done():
    with ros() as spin:
        node, seen = rclpy.create_node('some_node'), []
        node.create_timer(0.01, lambda: seen.append(1))
        spin(node, lambda: len(seen) >= 3)
        assert rclpy.ok()
        assert len(seen) == 3


@pytest.mark.filterwarnings('error::pytest.PytestUnraisableExceptionWarning')
def test_ctrl_c_just_before_spinning_says_nothing():
    with ros() as spin:
        node = rclpy.create_node('some_node')
        rclpy.shutdown()
        spin(node)
    gc.collect()  # nothing half made complains as it goes
    assert not rclpy.ok()


def test_what_fails_because_the_context_is_gone_is_the_end():
    with ros():
        rclpy.shutdown()
        rclpy.create_node('too_late')


@pytest.mark.parametrize('value', [11, 'many'])
def test_a_parameter_that_cannot_be_is_named_in_one_line(value):
    with pytest.raises(SystemExit, match=f'cannot start: .*{value}.*share') as ended, ros():
        given = [Parameter('share', value=value)]
        node = rclpy.create_node('some_node', parameter_overrides=given)
        node.declare_parameter('share', 1, ParameterDescriptor(
            integer_range=[IntegerRange(from_value=1, to_value=10)]))
    assert len(str(ended.value).splitlines()) == 1
    assert not rclpy.ok()


def test_a_fault_is_raised_and_the_context_goes():
    with pytest.raises(ValueError, match='folders'), ros():
        raise ValueError('folders: no picture')
    assert not rclpy.ok()


def test_arguments_that_ros_does_not_take_are_one_line(tmp_path, monkeypatch):
    (tmp_path / 'broken.yaml').write_text('a: [')
    monkeypatch.setattr('sys.argv', ['node', '--ros-args', '--params-file',
                                     str(tmp_path / 'broken.yaml')])
    with pytest.raises(SystemExit, match=r'cannot start: .*broken\.yaml') as ended, ros():
        pass
    assert len(str(ended.value).splitlines()) == 1


def test_messages_that_were_not_built_are_one_line():
    with pytest.raises(SystemExit, match=r'cannot start: seq_amodal_ros\.msg is not'), ros():
        raise MessagesNotBuiltError('seq_amodal_ros.msg is not built')
