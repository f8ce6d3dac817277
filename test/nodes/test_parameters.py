"""Every parameter is described, ranged, and the same in code and in config/perception.yaml."""

from pathlib import Path

import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from seq_amodal_ros.nodes import parameters
from seq_amodal_ros.nodes.perception_node import PerceptionNode
from seq_amodal_ros.segmenter import Settings
import yaml

CONFIG = Path(__file__).parents[2] / 'config' / 'perception.yaml'


def test_the_shipped_file_holds_every_parameter_at_its_default():
    content = yaml.safe_load(CONFIG.read_text())['/**']['ros__parameters']
    assert content == {name: described.default for name, described in
                       {**parameters.START, **parameters.FIXED,
                        **parameters.SAMPLING}.items()}


def test_declared_parameters_are_described_and_give_the_settings(graph):
    node = graph(Node('some_node'))
    parameters.declare(node)
    for name in (*parameters.START, *parameters.FIXED, *parameters.SAMPLING):
        assert node.describe_parameter(name).description, name
    assert parameters.settings_of(node) == Settings()


def test_changes_apply_to_the_settings_they_name(graph):
    node = graph(Node('some_node'))
    parameters.declare(node)
    assert parameters.changed(node, [Parameter('steps', value=4)]) == Settings(steps=4)
    assert parameters.settings_of(node) == Settings()


def test_two_wrong_values_of_a_file_are_mended_one_by_one(graph):
    node = graph(PerceptionNode(parameter_overrides=[Parameter('mask_size', value=5),
                                                     Parameter('sampler', value='foo')]))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    for name, value in (('mask_size', 6), ('mask_size', 64), ('sampler', 'dpm')):
        result, = node.set_parameters([Parameter(name, value=value)])
        assert result.successful == (value != 6)
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS


@pytest.mark.parametrize('name, value, reason', [
    ('mask_size', 5, 'mask_size must be 0 or lie in 32 to 512'),
    ('sampler', 'euler', 'sampler must be one of'),
    ('sampler', 'ancestral', 'steps must be 1000')])
def test_changes_that_no_settings_have_are_refused_at_once(graph, name, value, reason):
    node = graph(PerceptionNode())
    result, = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert reason in result.reason
    together = node.set_parameters_atomically([Parameter('steps', value=1000),
                                               Parameter('sampler', value='ancestral')])
    assert together.successful


@pytest.mark.parametrize('name, value, configured, reason', [
    ('weights', 'other', True, 'clean it up first'),
    ('transport', 'theora', False, 'one of raw, compressed'),
    ('weights', 'other', False, ''),
    ('steps', 4, True, ''),
])
def test_what_cannot_change_now_is_refused(name, value, configured, reason):
    answer = parameters.refusal([Parameter(name, value=value)], configured)
    assert reason in answer
    assert bool(answer) == bool(reason)


def test_what_is_read_once_cannot_be_set_later(graph):
    result, = graph(PerceptionNode()).set_parameters([Parameter('autostart', value=False)])
    assert not result.successful
    assert 'read-only' in result.reason


def test_what_a_part_of_the_node_declares_later_is_not_unknown(graph):
    node = graph(Node('some_node', parameter_overrides=[
        Parameter('qos_overrides./image.subscription.reliability', value='reliable'),
        Parameter('diagnostic_updater.period', value=2.0), Parameter('hypothesis', value=1)]))
    assert parameters.unknown(node) == ['hypothesis']


@pytest.mark.parametrize('name', parameters.FIXED)
def test_what_is_read_at_configure_cannot_change_afterwards(name):
    assert 'clean it up first' in parameters.refusal(
        [Parameter(name, value=parameters.FIXED[name].default)], configured=True)
