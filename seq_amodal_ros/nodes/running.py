"""How every node runs: until Ctrl-C, which ends it between two steps and never within one."""

from collections.abc import Iterator
from contextlib import contextmanager
import signal

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from seq_amodal_ros.bridge.messages import MessagesNotBuiltError

RCLError = rclpy_implementation.RCLError


@contextmanager
def ros() -> Iterator[None]:
    """
    Hold a ROS context, which Ctrl-C shuts down: `rclpy.ok()` turns false and spinning ends.

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
    rclpy.get_global_executor()  # which spinning uses: made too late, it complains when it goes
    try:
        yield
    except (ParameterException, MessagesNotBuiltError) as error:
        raise SystemExit(f'cannot start: {error}') from error
    except Exception as error:
        if rclpy.ok() and not isinstance(error, ExternalShutdownException):
            raise
        rclpy.logging.get_logger('seq_amodal_ros').debug(f'interrupted: {error}')
    finally:
        rclpy.try_shutdown()
