"""
The top-layer picker: a grasp planner's side of the topic, as small as it can be.

Subscribes  masks (seq_amodal_ros/LayeredAmodalMasks) and, if it is to draw, image
            (sensor_msgs/Image), matched by their stamp
Prints the pick order of each scene; draws it if given a folder; ends after `scenes` if asked to.
"""

from typing import Any

from message_filters import Subscriber, TimeSynchronizer
import numpy as np
from numpy.typing import NDArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data, QoSProfile
from sensor_msgs.msg import Image
from seq_amodal_ros.bridge.images import decode_image
from seq_amodal_ros.bridge.scenes import message_class, message_to_scene
from seq_amodal_ros.evaluation.pictures import overview, png
from seq_amodal_ros.files import expanded, write_atomic
from seq_amodal_ros.nodes.running import ros
from seq_amodal_ros.planning import must_move_first, pick_order
from seq_amodal_ros.scene import LayeredScene

KEPT = 90  # images that wait for their masks: 3 s of 30 a second,
KEPT_BYTES = 1 << 29  # or as many as take so much


class TopLayerPicker(Node):
    """Says what to pick first, and what must move before the rest."""

    def __init__(self, **options: Any) -> None:
        """Subscribe to masks, and to images if they are to be drawn; ValueError for no folder."""
        super().__init__('top_layer_picker', **options)
        self.declare_parameter('pictures', '', ParameterDescriptor(
            description='folder to draw each scene into; empty: none', read_only=True))
        self.declare_parameter('scenes', 0, ParameterDescriptor(
            description='end after so many scenes; 0: never', read_only=True))
        pictures = self.get_parameter('pictures').value
        self._folder = expanded(pictures) if pictures else None
        self._wanted = self.get_parameter('scenes').value
        self._seen = 0
        masks = Subscriber(self, message_class(), 'masks', qos_profile=QoSProfile(depth=10))
        if self._folder is None:
            masks.registerCallback(self._plan)
            return
        image = Subscriber(self, Image, 'image', qos_profile=qos_profile_sensor_data)
        image.registerCallback(self._keep)
        self._matched = TimeSynchronizer([image, masks], KEPT)
        self._matched.registerCallback(lambda image, masks: self._plan(masks, image))

    @property
    def done(self) -> bool:
        """Whether as many scenes were seen as were wanted."""
        return 0 < self._wanted <= self._seen

    def _keep(self, image: Image) -> None:
        self._matched.queue_size = max(2, min(KEPT, KEPT_BYTES // max(1, len(image.data))))
        if not (image.header.stamp.sec or image.header.stamp.nanosec):
            self.get_logger().warning('images without a stamp: masks may be drawn on another than '
                                      'theirs; the camera driver has to set it', once=True)

    def _plan(self, masks: Any, image: Image | None = None) -> None:
        number = self._seen + 1
        try:
            scene = message_to_scene(masks)
            self.get_logger().info(f'scene {number}: ' + sentence(scene))
            if image is not None:
                self._draw(decode_image(image), scene, number)
        except ValueError as error:  # a message that cannot be; the next may be as it should
            self.get_logger().error(f'scene passed over: {error}')
            return
        self._seen = number

    def _draw(self, image: NDArray[np.uint8], scene: LayeredScene, number: int) -> None:
        assert self._folder is not None, 'only then images are listened to'
        path = self._folder / f'scene_{number:03d}.png'
        if image.shape[:2] != (scene.height, scene.width):
            self.get_logger().error(
                f'pictures: scene {number} is not drawn: the image is {image.shape[1]}x'
                f'{image.shape[0]}, its masks are of {scene.width}x{scene.height}; remap image to '
                'the topic that is segmented')
            return
        try:
            write_atomic(path, png(overview(image, scene)))
        except OSError as error:
            self.get_logger().error(f'pictures: cannot write {path}: {error}')


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
    with ros() as spin:
        try:
            node = TopLayerPicker()
        except ValueError as error:
            raise SystemExit(f'top_layer_picker: pictures: {error}') from error
        spin(node, lambda: node.done)
