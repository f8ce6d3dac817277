"""Show the whole chain: pictures are played, segmented, planned on and drawn; then it ends."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

TOPIC = '/demo/image_raw'


def end(context: LaunchContext) -> list[Shutdown]:
    """Return what ends the rest, unless Ctrl-C does so already: to end twice is an error."""
    status = context.locals.event.returncode
    reason = f'the picker ended with status {status}' if status else 'all scenes were seen'
    return [] if context.is_shutdown else [Shutdown(reason=reason)]


def generate_launch_description() -> LaunchDescription:
    """Return player, perception (its launch file unchanged) and picker."""
    launch = Path(get_package_share_directory('seq_amodal_ros')) / 'launch'
    return LaunchDescription([
        DeclareLaunchArgument('folders', description='List of folders of pictures, as YAML.'),
        DeclareLaunchArgument('pictures', description='Folder to draw the scenes into.'),
        DeclareLaunchArgument('scenes', description='End after so many scenes.'),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(launch / 'perception.launch.py')),
            launch_arguments={'image_topic': TOPIC}.items()),
        Node(package='seq_amodal_ros', executable='image_player', output='screen',
             remappings=[('image', TOPIC), ('image/compressed', f'{TOPIC}/compressed')],
             parameters=[{'folders': ParameterValue(LaunchConfiguration('folders'),
                                                    value_type=list[str]),
                          'rate': 1.0, 'listeners': 2}]),  # the node and the picker
        Node(package='seq_amodal_ros', executable='top_layer_picker', output='screen',
             remappings=[('image', TOPIC), ('masks', '/perception/masks')],
             parameters=[{'pictures': LaunchConfiguration('pictures'),
                          'scenes': ParameterValue(LaunchConfiguration('scenes'),
                                                   value_type=int)}],
             on_exit=OpaqueFunction(function=end)),
    ])
