"""A real ROS graph for the tests of the nodes: this machine only, a domain of its own."""

from collections import defaultdict
import gc
import os
import threading
import time

import pytest
from rcl_interfaces.msg import Log
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, qos_profile_sensor_data, QoSProfile

PATIENCE = 15  # seconds; machines differ


class Peer(Node):
    """What stands around the node under test: publishes to it and hears what it says."""

    def __init__(self):
        """Join the graph."""
        super().__init__('peer')
        self.heard = defaultdict(list)
        self._publishers_by_topic = {}

    def listen(self, kind, topic, best_effort=False):
        """Collect what comes on a topic in `heard[topic]`."""
        qos = qos_profile_sensor_data if best_effort else QoSProfile(depth=100)
        self.create_subscription(kind, topic, self.heard[topic].append, qos)

    def listen_to_log(self):
        """Collect what nodes log, also what they logged before, in `heard['/rosout']`."""
        self.create_subscription(Log, '/rosout', self.heard['/rosout'].append, QoSProfile(
            depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL))

    def say(self, topic, message, depth=100):
        """Publish once somebody listens."""
        if topic not in self._publishers_by_topic:
            self._publishers_by_topic[topic] = self.create_publisher(type(message), topic, depth)
        publisher = self._publishers_by_topic[topic]
        assert until(lambda: publisher.get_subscription_count() > 0), f'nobody listens to {topic}'
        publisher.publish(message)


def until(condition, seconds=PATIENCE):
    """Wait for a condition; return whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(scope='session')
def wait_until():
    """Return `until` for tests."""
    return until


@pytest.fixture
def graph():
    """Yield a function that adds a node to a spinning executor; all go when the test ends."""
    assert os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE') == 'LOCALHOST' or \
        os.environ.get('ROS_LOCALHOST_ONLY') == '1', 'run the tests through scripts/env'
    rclpy.init()
    executor = SingleThreadedExecutor()
    nodes = []

    def add(node):
        nodes.append(node)
        executor.add_node(node)
        return node

    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield add
    executor.shutdown()
    thread.join(PATIENCE)
    while nodes:
        nodes.pop().destroy_node()
    # A lifecycle node's state machine keeps it alive in a cycle, and with it the log publisher
    # of its name, which the next test's node needs.
    gc.collect()
    rclpy.shutdown()


@pytest.fixture
def peer(graph):
    """Return a Peer in the graph."""
    return graph(Peer())
