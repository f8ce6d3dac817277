"""Start the perception node on a camera."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue
from seq_amodal_ros.files import expanded

SHARE = Path(get_package_share_directory('seq_amodal_ros'))
TYPES = {'transport': str, 'weights': str, 'device': str, 'autostart': bool, 'use_sim_time': bool}
ARGUMENTS = [
    DeclareLaunchArgument(
        'image_topic', default_value='/camera/image_raw',
        description="Topic of the camera's sensor_msgs/Image; its compressed form is looked for "
                    'at <image_topic>/compressed.'),
    DeclareLaunchArgument(
        'transport', default_value='', choices=['', 'raw', 'compressed'],
        description='raw or compressed images. Empty: as in params_file.'),
    DeclareLaunchArgument(
        'weights', default_value='',
        description='Name of shipped weights or path of a .safetensors file. Empty: as in '
                    'params_file.'),
    DeclareLaunchArgument(
        'device', default_value='',
        description='auto, cpu, cuda or cuda:N. Empty: as in params_file.'),
    DeclareLaunchArgument(
        'autostart', default_value='', choices=['', 'true', 'false'],
        description='Configure and activate the node at once; false leaves it to a lifecycle '
                    'manager. Empty: as in params_file.'),
    DeclareLaunchArgument(
        'params_file', default_value=str(SHARE / 'config' / 'perception.yaml'),
        description="YAML file with the node's parameters."),
    DeclareLaunchArgument(
        'namespace', default_value='',
        description='Namespace of the node and its topics.'),
    DeclareLaunchArgument(
        'log_level', default_value='info', choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='Least severe messages that the node logs.'),
    DeclareLaunchArgument(
        'use_sim_time', default_value='', choices=['', 'true', 'false'],
        description='Take the time from /clock, as when a bag is played. Empty: as in '
                    'params_file.'),
]


def perception(context: LaunchContext) -> list[LifecycleNode]:
    """
    Return the node with its parameters; it brings itself to life unless autostart is false.

    Raises ValueError, naming it, for an argument with which no node can run.
    """
    topic, file, *rest = (context.perform_substitution(LaunchConfiguration(name))
                          for name in ('image_topic', 'params_file', *TYPES))
    if not topic:
        raise ValueError('image_topic is empty: name the topic of the camera')
    try:
        parameters = expanded(file)
    except ValueError as error:
        raise ValueError(f'params_file {error}') from error
    if not parameters.is_file():
        raise ValueError(f'params_file {file!r}: no such file; copy '
                         f'{SHARE / "config" / "perception.yaml"} and change the copy')
    given = [name for name, value in zip(TYPES, rest) if value]
    return [LifecycleNode(
        package='seq_amodal_ros', executable='perception_node', name='perception',
        namespace=LaunchConfiguration('namespace'), output='screen',
        parameters=[str(parameters),
                    {name: ParameterValue(LaunchConfiguration(name), value_type=TYPES[name])
                     for name in given}],
        remappings=[('image', topic), ('image/compressed', f'{topic}/compressed')],
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')])]


def generate_launch_description() -> LaunchDescription:
    """Return the arguments and the node."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=perception)])
