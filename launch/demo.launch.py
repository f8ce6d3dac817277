"""Show the whole chain: pictures are played, segmented, planned on and drawn; then it ends."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

TOPIC = '/demo/image_raw'


def end(event: ProcessExited, context: LaunchContext) -> list[Shutdown]:
    """Return what ends the rest, unless Ctrl-C does so already: to end twice is an error."""
    if context.is_shutdown:
        return []
    if event.returncode:
        return [Shutdown(reason=f'{event.process_name} ended with status {event.returncode}')]
    return [Shutdown(reason='all scenes were seen')] if 'picker' in event.process_name else []


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
                                                   value_type=int)}]),
        RegisterEventHandler(OnProcessExit(on_exit=end)),
    ])
