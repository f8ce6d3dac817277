"""Write rosbag2 files through `rosbags`: whole or not at all, with the definitions they need."""

from collections.abc import Iterable
from pathlib import Path
import shutil
from typing import Any

from training.locks import locked


def typestore() -> Any:
    """Return what rosbags must know of our messages and those they are made of."""
    from ament_index_python.packages import get_package_share_directory
    from rosbags.typesys import get_types_from_msg, get_typestore, Stores
    store = get_typestore(Stores.ROS2_JAZZY)
    for package in ('vision_msgs', 'seq_amodal_ros'):
        folder = Path(get_package_share_directory(package)) / 'msg'
        for path in sorted(folder.glob('*.msg')):
            name = f'{package}/msg/{path.stem}'
            found = get_types_from_msg(path.read_text(), name)
            store.register({key: value for key, value in found.items()
                            if key not in store.fielddefs})
    return store


def write_bag(out: Path, storage: str, recorded: Iterable[tuple[int, str, Any]]) -> None:
    """
    Write ROS messages, each after its time, ns, and topic, as a bag at `out`.

    storage  mcap or sqlite3

    Raises ValueError while another process writes there.
    """
    from rclpy.serialization import serialize_message
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    store = typestore()
    part = out.with_name(f'.{out.name}.part')
    plugin = StoragePlugin.MCAP if storage == 'mcap' else StoragePlugin.SQLITE3
    connections: dict[str, Any] = {}
    part.mkdir(parents=True, exist_ok=True)
    with locked(part):
        try:
            shutil.rmtree(part / out.name, ignore_errors=True)  # of a run that was killed
            writer = Writer(part / out.name, version=9, storage_plugin=plugin)
            if storage == 'mcap':
                writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            with writer:
                for time, topic, message in recorded:
                    if topic not in connections:
                        connections[topic] = writer.add_connection(topic, _kind(message),
                                                                   typestore=store)
                    writer.write(connections[topic], time, serialize_message(message))
            (part / out.name).rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _kind(message: Any) -> str:
    """Return a message's type as bags name it, such as sensor_msgs/msg/Image."""
    package, _, module = type(message).__module__.partition('.')
    return f'{package}/{module.split(".")[0]}/{type(message).__name__}'
