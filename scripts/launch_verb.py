"""
The verb `ros2 launch`, for the ROS 2 of .env/: its own package is in no Python registry.

It takes what the verb on a robot takes: a package and a launch file of it, or the path of a launch
file, then name:=value arguments.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
import signal

from ament_index_python.packages import get_package_share_directory, PackageNotFoundError
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_context import LaunchContext
from launch.launch_description_sources import AnyLaunchDescriptionSource
from ros2cli.command import CommandExtension


class LaunchCommand(CommandExtension):
    """Run a launch file."""

    def add_arguments(self, parser: argparse.ArgumentParser, cli_name: str) -> None:
        """Declare what the verb takes."""
        parser.add_argument('-n', '--noninteractive', action='store_true',
                            help='run as if there were no terminal')
        parser.add_argument('-d', '--debug', action='store_true',
                            help='show what the launch system does')
        parser.add_argument('-s', '--show-args', action='store_true',
                            help='list the arguments of the launch file')
        parser.add_argument('package_name', help='package, or path of a launch file')
        parser.add_argument('launch_file_name', nargs='?', help='launch file of the package')
        parser.add_argument('launch_arguments', nargs='*', metavar='name:=value')

    def main(self, *, parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
        """Launch, or list the arguments; return the exit status."""
        given = list(args.launch_arguments)
        if Path(args.package_name).is_file():
            path = Path(args.package_name)
            given = [args.launch_file_name, *given] if args.launch_file_name else given
        elif args.launch_file_name:
            path = launch_file(args.package_name, args.launch_file_name)
        else:
            parser.error(f'{args.package_name} is no file; a package needs a launch file as well')
        source = AnyLaunchDescriptionSource(str(path))
        if args.show_args:
            show_arguments(source)
            return 0
        service = LaunchService(argv=given, noninteractive=args.noninteractive, debug=args.debug)
        service.include_launch_description(LaunchDescription([
            IncludeLaunchDescription(source, launch_arguments=parsed(given))]))
        with sigint_by_event_loop():
            return int(service.run())


@contextmanager
def sigint_by_event_loop() -> Iterator[None]:
    """
    Leave Ctrl-C to launch's event loop, which hears of it by a file descriptor.

    Python's own KeyboardInterrupt would come beside that, amid whatever the loop is at, and may
    cost it that step: launch then waits for good for a process that has ended.
    """
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def launch_file(package: str, name: str) -> Path:
    """Return the path of a package's launch file."""
    try:
        share = get_package_share_directory(package)
    except (PackageNotFoundError, ValueError) as error:
        raise RuntimeError(f"Package '{package}' not found") from error
    found = sorted(path for path in Path(share).rglob(name) if path.is_file())
    if len(found) != 1:
        raise RuntimeError(f'{len(found)} files called {name} in {share}, need exactly one')
    return found[0]


def parsed(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return name:=value arguments as pairs."""
    pairs = [argument.partition(':=') for argument in arguments]
    for argument, (name, mark, _) in zip(arguments, pairs):
        if not (name and mark):
            raise RuntimeError(f"malformed launch argument '{argument}', expected name:=value")
    return [(name, value) for name, _, value in pairs]


def show_arguments(source: AnyLaunchDescriptionSource) -> None:
    """Print name, description and default of each argument of a launch file."""
    description = source.get_launch_description(LaunchContext())
    print("Arguments (pass arguments as '<name>:=<value>'):")
    for argument in description.get_launch_arguments():
        default = ''.join(part.describe() for part in argument.default_value or ())
        print(f"\n    '{argument.name}':\n        {argument.description}\n"
              f"        (default: {default or 'none, must be given'})")
