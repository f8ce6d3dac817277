"""This package's generated messages, imported when they are first needed."""

from types import ModuleType
from typing import Any


class MessagesNotBuiltError(ImportError):
    """The package's .msg files were not turned into Python yet."""


def generated() -> ModuleType:
    """Return the module seq_amodal_ros.msg; raises MessagesNotBuiltError with the way out."""
    try:
        from seq_amodal_ros import msg
    except ImportError as error:
        raise MessagesNotBuiltError(
            'seq_amodal_ros.msg is not built or not sourced: run colcon build and source '
            'install/setup.bash, or start through scripts/env') from error
    return msg


def byte_array(data: bytes) -> Any:
    """Return bytes as the array type whose assignment to a uint8[] field costs no time."""
    from array import array
    result = array('B')
    result.frombytes(data)
    return result
