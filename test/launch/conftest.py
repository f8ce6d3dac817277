"""Launch files as processes that a person starts, reads and interrupts."""

import os
import signal
import subprocess
import threading

import pytest


def ctrl_c_works():
    """Undo what a shell does to its background jobs: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Launched:
    """A launch file at work in a process group of its own."""

    def __init__(self, name, *arguments):
        """Start it, output to a pipe."""
        self.process = subprocess.Popen(
            ['ros2', 'launch', 'seq_amodal_ros', name, *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True, preexec_fn=ctrl_c_works)

    def read_until(self, text, seconds=90):
        """Return the output up to a line that holds `text`; fails with the output if none does."""
        lines = []
        limit = threading.Timer(seconds, os.killpg, (self.process.pid, signal.SIGKILL))
        limit.start()
        for line in self.process.stdout:
            lines.append(line)
            if text in line:
                break
        limit.cancel()
        assert lines and text in lines[-1], ''.join(lines)
        return ''.join(lines)

    def interrupted(self):
        """Press Ctrl-C; return the rest of the output and the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.communicate(timeout=60)[0], self.process.returncode

    def kill(self):
        """End what is left."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()


@pytest.fixture
def launched():
    """Yield a function that starts a launch file of this package; all end with the test."""
    running = []

    def start(name, *arguments):
        running.append(Launched(name, *arguments))
        return running[-1]

    yield start
    for process in running:
        process.kill()
