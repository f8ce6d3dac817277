"""
The demonstration: pictures played as a camera's, segmented, planned on and drawn; ends by itself.

    make demo

Starts `ros2 launch seq_amodal_ros demo.launch.py` on the photographs and composed scenes under
test/data and says where the pictures of the result are.
"""

from collections.abc import Sequence
from contextlib import suppress
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / 'test' / 'data' / 'photographs', ROOT / 'test' / 'data' / 'drawn' / 'images']
PICTURES = ROOT / 'out' / 'demo'
LIMIT = 300  # seconds after which something must be wrong
GRACE = 30  # seconds that nodes get to end


def launched(command: Sequence[str]) -> None:
    """
    Run a launch to its end; after LIMIT, or Ctrl-C, all its nodes are asked to end, and awaited.

    Raises subprocess.TimeoutExpired or KeyboardInterrupt when they have ended.
    """
    for ending in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ending, signal.default_int_handler)
    launch = subprocess.Popen(command, start_new_session=True)  # signals reach this process alone
    try:
        launch.wait(LIMIT)
    except BaseException:
        _ask(launch, signal.SIGINT)
        try:
            launch.wait(GRACE)
        except BaseException:  # too long for it, or for the user
            _ask(launch, signal.SIGKILL)
            launch.wait()
        raise


def _ask(launch: subprocess.Popen, ending: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(launch.pid, ending)


def main() -> int:
    """Run the demonstration; return 0 only if as many scenes were drawn as there are pictures."""
    scenes = sum(path.suffix in ('.jpg', '.png') for folder in FOLDERS for path in folder.iterdir())
    shutil.rmtree(PICTURES, ignore_errors=True)
    folders = ', '.join(f'"{folder}"' for folder in FOLDERS)
    command = ['ros2', 'launch', 'seq_amodal_ros', 'demo.launch.py', f'folders:=[{folders}]',
               f'pictures:={PICTURES}', f'scenes:={scenes}']
    print(f'demo: {scenes} pictures through the ROS 2 graph', flush=True)
    try:
        launched(command)
    except subprocess.TimeoutExpired:
        print(f'demo: not done after {LIMIT} s', file=sys.stderr)
    except KeyboardInterrupt:
        print('demo: interrupted', file=sys.stderr)
    drawn = sorted(PICTURES.glob('scene_*.png'))
    if len(drawn) < scenes:
        print(f'demo: only {len(drawn)} of {scenes} scenes were drawn; what the nodes said above '
              'tells why', file=sys.stderr)
        return 1
    print(f'demo: {len(drawn)} scenes drawn, look at {drawn[0]} and those beside it')
    return 0


if __name__ == '__main__':
    sys.exit(main())
