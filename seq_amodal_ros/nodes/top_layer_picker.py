"""
The top-layer picker: a grasp planner's side of the topic, as small as it can be.

Subscribes  image (sensor_msgs/Image) and masks (seq_amodal_ros/LayeredAmodalMasks), matched by
            their stamp
Prints the pick order of each scene; draws it if given a folder; ends after `scenes` if asked to.
"""

from pathlib import Path
from typing import Any

from message_filters import Subscriber, TimeSynchronizer
from rcl_interfaces.msg import ParameterDescriptor
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data, QoSProfile
from sensor_msgs.msg import Image
from seq_amodal_ros.bridge.images import decode_image
from seq_amodal_ros.bridge.scenes import message_class, message_to_scene
from seq_amodal_ros.evaluation.pictures import overview, png
from seq_amodal_ros.files import write_atomic
from seq_amodal_ros.nodes.running import ros
from seq_amodal_ros.planning import must_move_first, pick_order
from seq_amodal_ros.scene import LayeredScene


class TopLayerPicker(Node):
    """Says what to pick first, and what must move before the rest."""

    def __init__(self, **options: Any) -> None:
        """Subscribe to images and masks."""
        super().__init__('top_layer_picker', **options)
        self.declare_parameter('pictures', '', ParameterDescriptor(
            description='folder to draw each scene into; empty: none', read_only=True))
        self.declare_parameter('scenes', 0, ParameterDescriptor(
            description='end after so many scenes; 0: never', read_only=True))
        self._folder = self.get_parameter('pictures').value
        self._wanted = self.get_parameter('scenes').value
        self._seen = 0
        self._matched = TimeSynchronizer([
            Subscriber(self, Image, 'image', qos_profile=qos_profile_sensor_data),
            Subscriber(self, message_class(), 'masks', qos_profile=QoSProfile(depth=10))], 30)
        self._matched.registerCallback(self._plan)

    @property
    def done(self) -> bool:
        """Whether as many scenes were seen as were wanted."""
        return 0 < self._wanted <= self._seen

    def _plan(self, image: Image, masks: Any) -> None:
        scene = message_to_scene(masks)
        number = self._seen + 1
        self.get_logger().info(f'scene {number}: ' + sentence(scene))
        if self._folder:
            path = Path(self._folder).expanduser() / f'scene_{number:03d}.png'
            sheet = overview(decode_image(image), scene)
            try:
                write_atomic(path, png(sheet))
            except OSError as error:
                self.get_logger().error(f'pictures: cannot write {path}: {error}')
        self._seen = number


def sentence(scene: LayeredScene) -> str:
    """Return the pick order in words."""
    if not scene.objects:
        return 'nothing to pick'
    steps = []
    for item in pick_order(scene):
        first = ' '.join(str(i) for i in must_move_first(scene, item.id))
        steps.append(f'{item.id} (layer {item.layer}, {scene.visible_fraction(item):.0%} visible'
                     + (f', after {first})' if first else ')'))
    return f'{len(steps)} objects on {scene.depth} layers; pick ' + ', then '.join(steps)


def main() -> None:
    """Run the picker until it has seen enough or is interrupted."""
    with ros():
        node = TopLayerPicker()
        while rclpy.ok() and not node.done:
            rclpy.spin_once(node, timeout_sec=0.5)
