"""A bag is played to the node and its answers are scored: the figures are those found offline."""

import ctypes
import json
import signal

from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import CompressedImage
from seq_amodal_ros.bridge.bags import ANSWERS_TOPIC, IMAGE_TOPIC, TRUTH_TOPIC
from seq_amodal_ros.bridge.scenes import message_class
from seq_amodal_ros.cli import main
from seq_amodal_ros.nodes.perception_node import PerceptionNode
from training.bags import write_bag

PLAYED = 4  # images


def ctrl_c_handler():
    """Return the address of what hears Ctrl-C, beneath Python, where rclpy's is."""
    action = (ctypes.c_void_p * 32)()  # a struct sigaction, and room
    assert ctypes.CDLL(None).sigaction(signal.SIGINT, None, action) == 0
    return action[0]


def played(pile):
    """Return the first images and all truths of a bag: time, topic and message."""
    kinds = {f'{IMAGE_TOPIC}/compressed': CompressedImage, TRUTH_TOPIC: message_class()}
    with AnyReader([pile]) as reader:
        found = [(time, item.topic, deserialize_message(raw, kinds[item.topic]))
                 for item, time, raw in reader.messages() if item.topic in kinds]
    images = [each for each in found if each[1] != TRUTH_TOPIC]
    return images[:PLAYED], [each for each in found if each[1] == TRUTH_TOPIC]


def test_the_answers_to_a_bag_score_as_they_do_offline(graph, peer, wait_until, pile, tmp_path):
    node = graph(PerceptionNode(parameter_overrides=[Parameter('transport', value='compressed'),
                                                     Parameter('device', value='cpu')]))
    peer.listen(message_class(), ANSWERS_TOPIC)
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    images, truths = played(pile)
    heard = peer.heard[ANSWERS_TOPIC]
    for count, (_, _, message) in enumerate(images, start=1):
        peer.say('image/compressed', message)
        assert wait_until(lambda count=count: len(heard) == count, seconds=60)
    write_bag(tmp_path / 'answered', 'mcap', [*truths, *(
        (truths[-1][0] + i, ANSWERS_TOPIC, answer) for i, answer in enumerate(heard))])

    ctrl_c = ctrl_c_handler()
    answered, offline = tmp_path / 'answered.json', tmp_path / 'offline.json'
    assert main(['score', str(tmp_path / 'answered'), '--json', str(answered)]) == 0
    assert main(['evaluate', '--bag', str(pile), '--limit', str(PLAYED), '--device', 'cpu',
                 '--json', str(offline)]) == 0
    assert ctrl_c_handler() == ctrl_c  # a node beside it still hears Ctrl-C
    ours, theirs = json.loads(answered.read_text()), json.loads(offline.read_text())
    assert (ours['images'], ours['frames']) == (PLAYED, len(truths))
    for figures in ('layers', 'objects', 'hypotheses', 'weights'):
        assert ours[figures] == theirs[figures]
    assert ours['layers'][0]['iou'] > 50  # an untrained network or a mix-up scores near 0
