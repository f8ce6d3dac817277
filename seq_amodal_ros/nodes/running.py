"""How every node runs: until Ctrl-C, which ends it between two steps and never within one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
import signal

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from seq_amodal_ros.bridge.messages import MessagesNotBuiltError

RCLError = rclpy_implementation.RCLError
LOOK_UP = 0.5  # seconds


@contextmanager
def ros() -> Iterator[Callable[..., None]]:
    """
    Hold a ROS context, which Ctrl-C shuts down; yield `spin(node, done)`, which ends by that.

    Python's own KeyboardInterrupt would come at any point, such as between a thread's making and
    its start. So it is switched off, and what a context that is gone makes fail is the end.
    What a node cannot be started with ends it too, in one line and with status 1: a parameter,
    arguments that ROS does not take, messages that were not built.
    """
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: None)  # rclpy.init adds the shutdown
    try:
        rclpy.init()
    except RCLError as error:
        reason = ' '.join(str(error).split())
        raise SystemExit(f'cannot start: {reason}; look at what follows --ros-args') from error
    executor = SingleThreadedExecutor()  # made when the context is gone, it complains as it goes
    try:
        yield partial(_spin, executor)
    except (ParameterException, MessagesNotBuiltError) as error:
        raise SystemExit(f'cannot start: {error}') from error
    except Exception as error:
        if rclpy.ok() and not isinstance(error, ExternalShutdownException):
            raise
        rclpy.logging.get_logger('seq_amodal_ros').debug(f'interrupted: {error}')
    finally:
        rclpy.try_shutdown()


def _spin(executor: Executor, node: Node, done: Callable[[], bool] = lambda: False) -> None:
    """
    Run a node's callbacks until the context is gone or it is `done`; asked every LOOK_UP at least.

    At Ctrl-C rclpy wakes who waits before it shuts the context down. Who finds it still there, as
    on a busy machine, waits again: in rclpy.spin until something comes, if nothing does for ever.
    """
    executor.add_node(node)
    try:
        while rclpy.ok() and not done():
            executor.spin_once(timeout_sec=LOOK_UP)
    finally:
        executor.remove_node(node)
