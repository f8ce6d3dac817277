"""Files are written whole or not at all, and what cannot be written is known before the work."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import os
from pathlib import Path
from typing import TextIO


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path whose ~ is the home; raises ValueError, naming it, for a user without one."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f'{os.fspath(path)}: {error} Write ~/ for your own home, or the whole '
                         'path') from error


def write_atomic(path: Path, data: bytes) -> None:
    """
    Write `data` beside `path` and move it into place, so that no reader sees half a file.

    Through a symlink it is the file that it leads to.
    """
    write_together({path: data})


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write files as `write_atomic`, and move none into place before all are written."""
    parts = {}
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = _target(path)
        parts[_beside(target)] = target, files[path]
    try:
        for part, (_, data) in parts.items():
            part.write_bytes(data)
        for part, (target, _) in parts.items():
            part.replace(target)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


@contextmanager
def written_atomic(path: Path) -> Iterator[TextIO]:
    """Yield a stream for a text too long to be held, and move it into place as `write_atomic`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = _target(path)
    part = _beside(target)
    try:
        with part.open('w') as stream:
            yield stream
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """
    Make a file's folder; raise ValueError, naming the file, where it cannot be written.

    What is there already stays as it is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = _beside(_target(path))
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:
        raise ValueError(f'{path}: cannot be written ({error}); give another') from error


def _target(path: Path) -> Path:
    """Return the file that a path leads to; raises OSError where it leads to what is no file."""
    if path.is_dir():
        raise IsADirectoryError(f'{path} is a folder')
    if path.exists() and not path.is_file():
        raise OSError(f'{path} is no plain file, and stays what it is')
    return path.resolve()


def _beside(target: Path) -> Path:
    """Return where this process writes what becomes `target`: hidden, in the same folder."""
    return target.with_name(f'.{target.name}.{os.getpid()}')
