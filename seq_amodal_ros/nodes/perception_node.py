"""
The perception node: images in, layered amodal masks out.

Subscribes  image (sensor_msgs/Image) or image/compressed (sensor_msgs/CompressedImage)
Publishes   ~/masks       seq_amodal_ros/LayeredAmodalMasks, the answer
            ~/label_map   sensor_msgs/Image mono16, visible object ids     } plain views, made
            ~/top_layer   sensor_msgs/Image mono8, 255 = nothing on it     } only while somebody
            ~/detections  vision_msgs/Detection2DArray in pick order       } subscribes
            ~/overlay     sensor_msgs/Image rgb8, for people               }
            /diagnostics  what came, what was dropped, how old the answers are

A managed (lifecycle) node: configure loads the weights, activate starts work, cleanup frees it.
It takes the first two steps by itself unless the parameter autostart is false.
Callbacks only store the newest frame; a worker thread does the rest.
"""

from collections.abc import Callable
import copy
from functools import partial
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper, Updater
from rcl_interfaces.msg import SetParametersResult
from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image
from seq_amodal_ros.bridge import views
from seq_amodal_ros.bridge.images import decode_compressed, decode_image, encode_image, ImageError
from seq_amodal_ros.bridge.scenes import message_class, scene_to_message
from seq_amodal_ros.devices import release
from seq_amodal_ros.evaluation.pictures import draw_layers
from seq_amodal_ros.nodes import parameters
from seq_amodal_ros.nodes.latest import LatestSlot
from seq_amodal_ros.nodes.running import RCLError, ros
from seq_amodal_ros.scene import LayeredScene
from seq_amodal_ros.segmenter import HaltedError, Segmenter
from vision_msgs.msg import Detection2DArray

RESULTS = QoSProfile(depth=1)  # reliable, but of the newest answer alone
SILENCE = 5.0  # seconds without an image after which the camera is reported
TRANSPORTS: dict[str, tuple[type, str, Callable]] = {
    'raw': (Image, 'image', decode_image),
    'compressed': (CompressedImage, 'image/compressed', decode_compressed),
}


class PerceptionNode(LifecycleNode):
    """Segments the newest image, again and again."""

    def __init__(self, **options: Any) -> None:
        """Declare parameters and topics; nothing is loaded before configure."""
        super().__init__('perception', **options)
        parameters.declare(self)
        if unknown := parameters.unknown(self):
            self.get_logger().warning(f'not parameters of this node: {", ".join(unknown)}; '
                                      'misspelt, or meant for another node?')
        self._answer_wrong_transitions()
        self._segmenter: Segmenter | None = None
        self._subscription: Any = None
        self._worker: threading.Thread | None = None
        self._slot: LatestSlot[Any] = LatestSlot()
        self._forget_counts()
        self._results = self.create_publisher(message_class(), '~/masks', RESULTS)
        self._views = {
            self.create_publisher(Image, '~/label_map', RESULTS):
                lambda image, scene, header: encode_image(views.label_map(scene), header, 'mono16'),
            self.create_publisher(Image, '~/top_layer', RESULTS):
                lambda image, scene, header: encode_image(views.top_layer(scene), header, 'mono8'),
            self.create_publisher(Detection2DArray, '~/detections', RESULTS):
                lambda image, scene, header: views.detections(scene, header),
            self.create_publisher(Image, '~/overlay', RESULTS):
                lambda image, scene, header: encode_image(draw_layers(image, scene), header),
        }
        self.add_on_set_parameters_callback(self._on_parameters)
        # Two in namespaces of their own would have one name on /diagnostics.
        self.declare_parameter('diagnostic_updater.use_fqn', self.get_namespace() != '/')
        self._diagnostics = Updater(self)
        self._diagnostics.setHardwareID('none')
        self._diagnostics.add('perception', self._diagnose)

    # Lifecycle

    def start(self) -> None:
        """Configure and activate if autostart says so; what fails is logged, the node stays."""
        if not self.get_parameter('autostart').value:
            self.get_logger().info('unconfigured: autostart is false, so a lifecycle manager is '
                                   'waited for')
        elif self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _answer_wrong_transitions(self) -> None:
        """Refuse a transition that the state does not allow; rclpy lets the node end by it."""
        for service in self.services:
            if service.srv_name.endswith('/change_state'):
                service.callback = partial(self._change_state, service.callback)

    def _change_state(self, change: Callable, request: Any, response: Any) -> Any:
        try:
            return change(request, response)
        except RCLError:
            self.get_logger().error(f'transition {request.transition.id} cannot be made now; '
                                    '~/get_available_transitions names those that can')
            response.success = False
            return response

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the weights onto the device."""
        wrong = parameters.refusal(
            [self.get_parameter(name) for name in parameters.FIXED], configured=False)
        try:
            if wrong:
                raise ValueError(wrong)
            self._segmenter = Segmenter.load(self.get_parameter('weights').value,
                                             self.get_parameter('device').value,
                                             parameters.settings_of(self))
        except Exception as error:  # rclpy would be silent about any other than a refusal
            kind = '' if isinstance(error, ValueError) else f'{type(error).__name__}: '
            self.get_logger().error(f'cannot configure: {kind}{error}')
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(f'weights {self._segmenter.label} on {self._segmenter.device} '
                               f'in {self._segmenter.precision}')
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the camera and start the worker."""
        kind, topic, decode = TRANSPORTS[self.get_parameter('transport').value]
        self._slot = LatestSlot()
        self._forget_counts()
        try:
            self._subscription = self.create_subscription(
                kind, topic, self._slot.put,
                copy.copy(qos_profile_sensor_data),  # rclpy writes overrides into what it is given
                event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_mismatch),
                qos_overriding_options=QoSOverridingOptions.with_default_policies())
        except Exception as error:  # rclpy would be silent about it
            self.get_logger().error(f'cannot activate: {topic}: {error}')
            return TransitionCallbackReturn.FAILURE
        if unread := parameters.unread_overrides(self):
            self.get_logger().warning(
                f'nothing reads {", ".join(unread)}: read are reliability, depth and history of '
                f'qos_overrides.{self._subscription.topic_name}.subscription')
        self._worker = threading.Thread(target=self._work, args=(self._slot, decode), daemon=True)
        self._worker.start()
        self.get_logger().info(f'segmenting {self._subscription.topic_name}')
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the camera, and of the frame in work."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the weights."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop from any state."""
        self._stop()
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stop the worker before the node goes."""
        self._stop()
        super().destroy_node()

    def _stop(self) -> None:
        self._slot.close()
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
            self._subscription = None
        if self._worker is not None:
            self._worker.join()
            self._worker = None

    def _free(self) -> None:
        if self._segmenter is not None:
            device, self._segmenter = self._segmenter.device, None
            release(device)

    def _forget_counts(self) -> None:
        self._published, self._rejected = 0, 0
        self._last: tuple[float, float | None] = (0.0, 0.0)
        self._mismatch, self._failure = '', ''

    # Work

    def _work(self, slot: LatestSlot[Any], decode: Callable) -> None:
        """Segment what the slot holds until it is closed; one bad frame never ends it."""
        while (message := slot.take()) is not None:
            try:
                self._segment(message, decode, slot)
            except HaltedError:
                return
            except ImageError as error:
                self._reject(f'image refused: {error}')
            except Exception as error:  # the node must outlive any frame; the reason is shown
                if not self.context.ok():
                    return  # shut down in the middle of a frame
                self._reject(f'frame failed: {type(error).__name__}: {error}')

    def _reject(self, reason: str) -> None:
        self._rejected += 1
        self._failure = reason
        topic = self.resolve_topic_name(TRANSPORTS[self.get_parameter('transport').value][1])
        self.get_logger().error(f'{topic}: {reason}', throttle_duration_sec=1.0)

    def _segment(self, message: Any, decode: Callable, slot: LatestSlot[Any]) -> None:
        segmenter = self._segmenter
        assert segmenter is not None, 'the worker runs only while the node is active'
        began = time.monotonic()
        image = decode(message)
        scene: LayeredScene = segmenter.segment(image, ended=lambda: slot.closed)
        self._results.publish(scene_to_message(scene, message.header, segmenter.label))
        for publisher, make in self._views.items():
            if publisher.get_subscription_count():
                publisher.publish(make(image, scene, message.header))
        self._published += 1
        self._failure = ''
        self._last = (time.monotonic() - began, self._age(message.header.stamp))

    def _age(self, stamp: Any) -> float | None:
        """Return how long ago a stamp was, seconds; None of an image that has none."""
        if stamp.sec < 0 or not (stamp.sec or stamp.nanosec):
            return None
        return (self.get_clock().now() - Time.from_msg(stamp)).nanoseconds / 1e9

    # Parameters and diagnostics

    def _on_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        reason = parameters.refusal(changes, configured=self._segmenter is not None)
        if not reason and any(change.name in parameters.SAMPLING for change in changes):
            try:
                settings = parameters.changed(self, changes)
                if self._segmenter is not None:
                    self._segmenter.settings = settings
            except ValueError as error:
                reason = str(error)
        return SetParametersResult(successful=not reason, reason=reason)

    def _on_mismatch(self, event: QoSRequestedIncompatibleQoSInfo) -> None:
        self._mismatch = ('a publisher of the image offers a quality of service that this node '
                          f'does not take ({event.last_policy_kind}); set qos_overrides or the '
                          'reliability of the camera')
        self.get_logger().warning(self._mismatch)

    def _diagnose(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        slot, (seconds, age) = self._slot, self._last
        status.summary(*self._summary(slot))
        for name, value in (('frames received', slot.received), ('frames dropped', slot.replaced),
                            ('frames refused', self._rejected), ('answers', self._published),
                            ('seconds a frame', f'{seconds:.3f}'),
                            ('age of the last answer, seconds',
                             'unknown: its image has no stamp' if age is None else f'{age:.3f}')):
            status.add(name, str(value))
        return status

    def _summary(self, slot: LatestSlot[Any]) -> tuple[bytes, str]:
        """Return how bad it is, and the worst there is to say."""
        if self._subscription is None:
            return DiagnosticStatus.WARN, 'not active: configure and activate the node'
        topic = self._subscription.topic_name
        if not slot.received:
            return (DiagnosticStatus.ERROR, self._mismatch) if self._mismatch else \
                (DiagnosticStatus.WARN, f'no image yet on {topic}')
        said = [self._failure] if self._failure else []
        if (silent := time.monotonic() - slot.newest) > SILENCE:
            said.insert(0, f'no image on {topic} for {silent:.0f} s')
        if not said:
            return DiagnosticStatus.OK, 'segmenting'
        return DiagnosticStatus.ERROR if self._failure else DiagnosticStatus.WARN, '; '.join(said)


def main() -> None:
    """Run the node until it is interrupted."""
    with ros() as spin:
        node = PerceptionNode()
        try:
            node.start()
            spin(node)
        finally:
            node.destroy_node()
