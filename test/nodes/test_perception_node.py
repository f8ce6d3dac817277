"""The node on a real graph: images in, masks out, and nothing that comes in brings it down."""

import signal
import subprocess
import threading
from types import SimpleNamespace
import weakref

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_updater import DiagnosticStatusWrapper
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import pytest
from rclpy.duration import Duration
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from seq_amodal_ros.bridge import views
from seq_amodal_ros.bridge.images import decode_image, encode_image
from seq_amodal_ros.bridge.scenes import message_class, message_to_scene
from seq_amodal_ros.checkpoint import save_checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.evaluation.pictures import draw_layers
from seq_amodal_ros.nodes import perception_node
from seq_amodal_ros.nodes.perception_node import PerceptionNode
from seq_amodal_ros.planning import pick_order
from seq_amodal_ros.scene import LayeredScene
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

MASKS = '/perception/masks'


@pytest.fixture
def node(graph):
    """Return an unconfigured perception node in the graph."""
    return graph(PerceptionNode())


@pytest.fixture
def active(node):
    """Return a node at work."""
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    return node


@pytest.fixture
def planner(peer):
    """Return a peer that hears the masks."""
    peer.listen(message_class(), MASKS)
    return peer


@pytest.fixture(scope='module')
def pixels(composed):
    """Return a composed scene, 256 x 256."""
    return load_image(composed / 'images' / '00003.png')


def image(pixels, number=0):
    """Return pixels as a camera's message; `number` is its stamp in seconds."""
    header = Header(frame_id='camera_optical_frame')
    header.stamp.sec = number
    return encode_image(pixels, header)


def test_every_image_gets_its_masks_under_its_own_header(active, planner, pixels, wait_until):
    planner.say('image', image(pixels, 42))
    assert wait_until(lambda: planner.heard[MASKS])
    answer = planner.heard[MASKS][0]
    scene = message_to_scene(answer)
    assert (answer.header.stamp.sec, answer.header.frame_id) == (42, 'camera_optical_frame')
    assert (scene.height, scene.width) == (256, 256)
    assert scene.objects
    assert answer.model.startswith('default@')


def test_compressed_images_are_segmented_too(node, planner, pixels, wait_until):
    node.set_parameters([Parameter('transport', value='compressed')])
    node.trigger_configure()
    node.trigger_activate()
    data = cv2.imencode('.png', pixels[..., ::-1])[1].tobytes()
    planner.say('image/compressed', CompressedImage(format='png', data=data))
    assert wait_until(lambda: planner.heard[MASKS])
    assert planner.heard[MASKS][0].objects


@pytest.mark.parametrize('bad', [
    Image(height=4, width=4, encoding='32FC1', step=16, data=bytes(64)),
    Image(height=0, width=0, encoding='rgb8'),
    Image(height=480, width=640, encoding='rgb8', step=1920, data=bytes(100)),
], ids=['encoding', 'empty', 'short'])
def test_a_bad_image_is_reported_and_the_next_one_segmented(active, planner, pixels, wait_until,
                                                            bad):
    planner.listen_to_log()
    planner.say('image', bad)
    assert wait_until(lambda: any('/image: image refused' in log.msg
                                  for log in planner.heard['/rosout']))
    planner.say('image', image(pixels, 1))
    assert wait_until(lambda: planner.heard[MASKS])
    assert planner.heard[MASKS][0].header.stamp.sec == 1


def test_errors_come_at_most_once_a_second(active, planner, wait_until):
    planner.listen_to_log()
    bad = Image(height=4, width=4, encoding='rubbish', step=4, data=bytes(16))

    def reports():
        return [log for log in planner.heard['/rosout'] if "'rubbish'" in log.msg]

    def two_after_another_bad_image():
        planner.say('image', bad)
        return len(reports()) >= 2

    assert wait_until(two_after_another_bad_image)
    first, second = (log.stamp.sec + log.stamp.nanosec / 1e9 for log in reports()[:2])
    assert second - first >= 0.9  # the throttle counts by another clock than the stamps


def test_only_the_newest_of_waiting_images_is_segmented(active, planner, pixels, wait_until):
    gate, busy = threading.Event(), threading.Event()
    segment = active._segmenter.segment

    def held(*given, **named):
        busy.set()
        gate.wait(30)
        return segment(*given, **named)

    active._segmenter.segment = held
    planner.say('image', image(pixels, 1))
    assert busy.wait(30)
    for number in (2, 3, 4):
        planner.say('image', image(pixels, number))
    assert wait_until(lambda: active._slot.received == 4)
    gate.set()
    assert wait_until(lambda: len(planner.heard[MASKS]) == 2)
    assert [m.header.stamp.sec for m in planner.heard[MASKS]] == [1, 4]
    assert active._slot.replaced == 2


def test_sampling_changes_while_the_node_runs(active, planner, pixels, wait_until):
    result, = active.set_parameters([Parameter('hypotheses', value=2)])
    assert result.successful
    planner.say('image', image(pixels))
    assert wait_until(lambda: planner.heard[MASKS])
    assert {len(item.hypotheses) for item in planner.heard[MASKS][0].objects} == {2}


@pytest.mark.parametrize('name, value, reason', [
    ('hypotheses', 65, 'range'), ('steps', 0, 'range'), ('weights', 'other', 'configured')])
def test_wrong_parameters_are_refused_with_a_reason(active, name, value, reason):
    result, = active.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert reason in result.reason


def test_the_node_starts_itself(node, planner, pixels, wait_until):
    node.start()
    planner.say('image', image(pixels))
    assert wait_until(lambda: planner.heard[MASKS])


def test_a_lifecycle_manager_may_start_the_node_instead(graph, peer, wait_until):
    peer.listen_to_log()
    node = graph(PerceptionNode(parameter_overrides=[Parameter('autostart', value=False)]))
    node.start()
    assert wait_until(lambda: any('unconfigured: autostart is false' in log.msg
                                  for log in peer.heard['/rosout']))
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS  # not done before


def test_a_misspelt_parameter_is_said(graph, peer, wait_until):
    peer.listen_to_log()
    graph(PerceptionNode(parameter_overrides=[Parameter('hypothesis', value=5)]))
    assert wait_until(lambda: any('not parameters of this node: hypothesis' in log.msg
                                  for log in peer.heard['/rosout']))


def test_a_transition_that_cannot_be_is_said_and_the_node_stays(peer, wait_until):
    client = peer.create_client(ChangeState, '/perception/change_state')

    def asked(transition):
        return client.call_async(ChangeState.Request(transition=Transition(id=transition)))

    with subprocess.Popen(['perception_node', '--ros-args', '-p', 'autostart:=false'],
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            assert client.wait_for_service(60)
            for transition, allowed in ((Transition.TRANSITION_ACTIVATE, False),
                                        (Transition.TRANSITION_CONFIGURE, True),
                                        (Transition.TRANSITION_CONFIGURE, False)):
                answer = asked(transition)
                assert wait_until(answer.done)
                assert answer.result().success == allowed
        finally:
            process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert 'Traceback' not in said
    assert 'transition 3 cannot be made now' in said


@pytest.mark.parametrize('name, value', [('weights', 'nowhere.safetensors'),
                                         ('device', 'cuda:99')])
def test_a_node_that_cannot_start_says_why_and_can_be_mended(node, planner, wait_until, name,
                                                             value):
    planner.listen_to_log()
    good = node.get_parameter(name)
    node.set_parameters([Parameter(name, value=value)])
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert wait_until(lambda: any('cannot configure' in log.msg and value in log.msg
                                  for log in planner.heard['/rosout']))
    node.set_parameters([good])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS


def test_settings_that_cannot_be_are_said_at_configure_and_can_be_mended(graph, planner, pixels,
                                                                         wait_until):
    planner.listen_to_log()
    node = graph(PerceptionNode(parameter_overrides=[Parameter('mask_size', value=5)]))
    node.start()
    assert wait_until(lambda: any('cannot configure: mask_size must be 0' in log.msg
                                  for log in planner.heard['/rosout']))
    result, = node.set_parameters([Parameter('mask_size', value=64)])
    assert result.successful
    node.start()
    planner.say('image', image(pixels))
    assert wait_until(lambda: planner.heard[MASKS])


def test_settings_that_the_weights_cannot_have_are_refused_when_they_are_set(graph, tmp_path):
    weights = tmp_path / 'papers.safetensors'
    network = ConcatUNet(ConcatUNetConfig(32, channels=16, multipliers=(1,), blocks=1))
    save_checkpoint(weights, network, 'linear', (0.0, 1.0), {})
    node = graph(PerceptionNode(parameter_overrides=[
        Parameter('mask_size', value=64), Parameter('weights', value=str(weights))]))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    node.set_parameters([Parameter('mask_size', value=0)])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    result, = node.set_parameters([Parameter('mask_size', value=64)])
    assert not result.successful
    assert 'knows no other than 32' in result.reason
    assert node.get_parameter('mask_size').value == 0


def test_an_inactive_node_lets_go_of_the_camera_and_comes_back(active, planner, pixels,
                                                               wait_until):
    active.trigger_deactivate()
    assert wait_until(lambda: active.count_subscribers('image') == 0)
    active.trigger_activate()
    planner.say('image', image(pixels))
    assert wait_until(lambda: planner.heard[MASKS])


def test_an_inactive_node_lets_go_of_the_frame_in_work(active, planner, pixels, wait_until):
    result, = active.set_parameters([Parameter('steps', value=1000)])  # some minutes
    assert result.successful
    planner.say('image', image(pixels))
    assert wait_until(lambda: active._slot.received and active._slot._item is None)  # it was taken
    active.trigger_deactivate()
    assert active._worker is None
    assert not active._published
    assert not active._rejected


def test_plain_views_follow_the_masks(active, planner, pixels, wait_until):
    topics = {'/perception/label_map': Image, '/perception/top_layer': Image,
              '/perception/detections': Detection2DArray, '/perception/overlay': Image}
    for topic, kind in topics.items():
        planner.listen(kind, topic)
        assert wait_until(lambda topic=topic: active.count_subscribers(topic))
    planner.say('image', image(pixels, 9))
    assert wait_until(lambda: all(planner.heard[topic] for topic in (MASKS, *topics)))
    for topic in topics:
        header = planner.heard[topic][0].header
        assert (header.frame_id, header.stamp.sec) == ('camera_optical_frame', 9)
    scene = message_to_scene(planner.heard[MASKS][0])
    assert scene.objects
    labels, top, found, overlay = (planner.heard[topic][0] for topic in topics)
    assert (labels.encoding, top.encoding, overlay.encoding) == ('mono16', 'mono8', 'rgb8')
    assert bytes(labels.data) == views.label_map(scene).tobytes()
    assert bytes(top.data) == views.top_layer(scene).tobytes()
    assert [int(d.id) for d in found.detections] == [item.id for item in pick_order(scene)]
    assert (decode_image(overlay) != pixels).any()


def diagnosed(planner, wait_until, text, **values):
    """Wait for a status that says `text` and holds values, such as answers='1'; return whether."""
    def said():
        return any(text in status.message and values.items() <= {
            pair.key.replace(' ', '_'): pair.value for pair in status.values}.items()
            for array in planner.heard['/diagnostics'] for status in array.status)
    return wait_until(said)


def test_diagnostics_say_how_it_goes_and_count_since_activation(node, planner, pixels, wait_until,
                                                                monkeypatch):
    monkeypatch.setattr(perception_node, 'SILENCE', 1e9)  # however long the first answer takes
    planner.listen(DiagnosticArray, '/diagnostics')
    assert diagnosed(planner, wait_until, 'not active')
    node.start()
    assert diagnosed(planner, wait_until, 'no image yet on /image')
    planner.say('image', Image(height=4, width=4, encoding='rubbish', step=4, data=bytes(16)))
    assert diagnosed(planner, wait_until, "image refused: encoding 'rubbish'", frames_refused='1')
    planner.say('image', image(pixels))
    assert diagnosed(planner, wait_until, 'segmenting', frames_received='2', answers='1', **{
        'age_of_the_last_answer,_seconds': 'unknown: its image has no stamp'})
    planner.say('image', image(pixels, -5))  # before all time, but an image
    assert diagnosed(planner, wait_until, 'segmenting', answers='2', frames_refused='1')
    monkeypatch.setattr(perception_node, 'SILENCE', 0.5)
    assert diagnosed(planner, wait_until, 'no image on /image for')
    planner.say('image', Image(height=4, width=4, encoding='junk', step=4, data=bytes(16)))
    assert diagnosed(planner, wait_until, "image refused: encoding 'junk'")
    assert wait_until(lambda: any(  # the camera's silence shows all the same
        'no image on /image for' in status.message and 'junk' in status.message
        for array in planner.heard['/diagnostics'] for status in array.status))
    node.trigger_deactivate()
    node.trigger_activate()
    assert diagnosed(planner, wait_until, 'no image yet', frames_received='0', answers='0')


def test_a_quality_that_cannot_be_is_said_at_activate(graph, planner, wait_until):
    planner.listen_to_log()
    node = graph(PerceptionNode(parameter_overrides=[
        Parameter('qos_overrides./image.subscription.reliability', value='relyable')]))
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert wait_until(lambda: any('cannot activate: image' in log.msg
                                  for log in planner.heard['/rosout']))
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS


def test_the_quality_of_one_topic_stays_its_own(graph):
    node = graph(PerceptionNode(parameter_overrides=[
        Parameter('qos_overrides./image.subscription.reliability', value='reliable')]))
    node.start()
    assert node._subscription.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert qos_profile_sensor_data.reliability == ReliabilityPolicy.BEST_EFFORT


@pytest.mark.parametrize('unread', ['/camera.subscription.reliability',
                                    '/image.subscription.durability'])
def test_a_quality_that_nothing_reads_is_said(graph, planner, wait_until, unread):
    planner.listen_to_log()
    node = graph(PerceptionNode(parameter_overrides=[
        Parameter('qos_overrides./image.subscription.depth', value=2),
        Parameter(f'qos_overrides.{unread}', value='reliable')]))
    node.start()
    assert wait_until(lambda: any(f'nothing reads qos_overrides.{unread}:' in log.msg
                                  for log in planner.heard['/rosout']))


def test_cleanup_frees_the_weights(active):
    network = weakref.ref(active._segmenter._network)
    active.trigger_deactivate()
    active.trigger_cleanup()
    assert network() is None


def test_a_node_that_is_shut_down_lets_go_of_all(active, wait_until):
    network = weakref.ref(active._segmenter._network)
    active.trigger_shutdown()
    assert network() is None
    assert active._worker is None
    assert wait_until(lambda: not active.count_subscribers('image'))


def test_a_camera_of_another_quality_is_said(graph, planner, pixels, wait_until):
    planner.listen(DiagnosticArray, '/diagnostics')
    node = graph(PerceptionNode(parameter_overrides=[
        Parameter('qos_overrides./image.subscription.reliability', value='reliable')]))
    node.start()
    camera = planner.create_publisher(Image, 'image', qos_profile_sensor_data)  # best effort
    camera.publish(image(pixels))
    assert diagnosed(planner, wait_until, 'offers a quality of service that this node does not')


def test_nodes_of_two_namespaces_have_names_of_their_own_on_diagnostics(graph, planner, wait_until):
    planner.listen(DiagnosticArray, '/diagnostics')
    for name in ('left', 'right'):
        graph(PerceptionNode(namespace=name))
    assert wait_until(lambda: {'/left/perception: perception', '/right/perception: perception'} <= {
        status.name for array in planner.heard['/diagnostics'] for status in array.status})


def test_the_overlay_is_the_image_with_its_layers(active, planner, pixels, wait_until):
    planner.listen(Image, '/perception/overlay')
    assert wait_until(lambda: active.count_subscribers('/perception/overlay'))
    planner.say('image', image(pixels))
    assert wait_until(lambda: planner.heard[MASKS] and planner.heard['/perception/overlay'])
    scene, overlay = planner.heard[MASKS][0], planner.heard['/perception/overlay'][0]
    assert (decode_image(overlay) == draw_layers(pixels, message_to_scene(scene))).all()


def test_diagnostics_tell_received_from_dropped_and_how_old_an_answer_is(node, pixels):
    node._segmenter = SimpleNamespace(
        label='m', segment=lambda image, ended: LayeredScene(256, 256, ()))
    message = image(pixels)
    message.header.stamp = (node.get_clock().now() - Duration(seconds=5)).to_msg()
    for _ in range(3):
        node._slot.put(message)
    node._segment(message, decode_image, node._slot)
    said = {pair.key: pair.value for pair in node._diagnose(DiagnosticStatusWrapper()).values}
    assert (said['frames received'], said['frames dropped'], said['answers']) == ('3', '2', '1')
    assert 0 <= float(said['seconds a frame']) < 60
    assert 5 <= float(said['age of the last answer, seconds']) < 65
