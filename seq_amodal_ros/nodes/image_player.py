"""
The image player: publishes a folder of pictures as a camera would, round and round.

Publishes  image (sensor_msgs/Image rgb8) and image/compressed (sensor_msgs/CompressedImage,
           the file's own bytes), best effort, stamped with the time of publishing
"""

from pathlib import Path
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from seq_amodal_ros.bridge.images import encode_image
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.evaluation.sample import DatasetError
from seq_amodal_ros.files import expanded
from seq_amodal_ros.nodes.running import ros
from std_msgs.msg import Header

FORMATS = {'.jpg': 'jpeg', '.jpeg': 'jpeg', '.png': 'png'}


def pictures_in(folders: list[str]) -> list[Path]:
    """Return the pictures of the folders, by name; raises ValueError, naming them, if none is."""
    found = [path for folder in filter(None, folders)
             for path in sorted(expanded(folder).glob('*'))
             if path.suffix.lower() in FORMATS]
    if not found:
        raise ValueError(f'folders {folders}: no {", ".join(FORMATS)} picture in any of them; '
                         'set the parameter folders')
    return found


class ImagePlayer(Node):
    """Plays pictures at a fixed rate while enough subscriptions listen."""

    def __init__(self, **options: Any) -> None:
        """Read the list of pictures; raises ValueError if there are none."""
        super().__init__('image_player', **options)
        self.declare_parameter('folders', [''], ParameterDescriptor(
            description='folders of .jpg and .png pictures, played in this order',
            read_only=True))
        self.declare_parameter('rate', 1.0, ParameterDescriptor(
            description='pictures a second, Hz', read_only=True, floating_point_range=[
                FloatingPointRange(from_value=0.01, to_value=1000.0)]))
        self.declare_parameter('listeners', 1, ParameterDescriptor(
            description='subscriptions to wait for, so that all see the first picture',
            integer_range=[IntegerRange(from_value=1, to_value=100)]))
        self.declare_parameter('frame_id', 'camera_optical_frame', ParameterDescriptor(
            description='frame of the camera, z forward (REP 103)'))
        self._pictures = pictures_in(self.get_parameter('folders').value)
        self._next = 0
        self._raw = self.create_publisher(Image, 'image', qos_profile_sensor_data)
        self._compressed = self.create_publisher(CompressedImage, 'image/compressed',
                                                 qos_profile_sensor_data)
        self.create_timer(1 / self.get_parameter('rate').value, self._play)
        self.get_logger().info(f'{len(self._pictures)} pictures on {self._raw.topic_name}')

    def _play(self) -> None:
        raw = self._raw.get_subscription_count()
        compressed = self._compressed.get_subscription_count()
        if raw + compressed < self.get_parameter('listeners').value:
            return
        path = self._pictures[self._next % len(self._pictures)]
        self._next += 1
        header = Header(stamp=self.get_clock().now().to_msg(),
                        frame_id=self.get_parameter('frame_id').value)
        try:
            if raw:
                self._raw.publish(encode_image(load_image(path), header))
            if compressed:
                self._compressed.publish(CompressedImage(
                    header=header, format=FORMATS[path.suffix.lower()], data=path.read_bytes()))
        except (DatasetError, OSError) as error:
            self.get_logger().error(f'left out: {error}')


def main() -> None:
    """Run the player until it is interrupted."""
    with ros() as spin:
        try:
            player = ImagePlayer()
        except ValueError as error:
            raise SystemExit(f'image_player: {error}') from error
        spin(player)
