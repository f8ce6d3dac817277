"""Files are written whole or not at all, and what cannot be written is known before the work."""

import os
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and move it into place, so that no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """
    Make a file's folder; raise ValueError, naming the file, where it cannot be written.

    What is there already stays as it is.
    """
    try:
        probe = path.with_name(f'.{path.name}.{os.getpid()}')
        if path.is_dir():
            raise IsADirectoryError('it is a folder')
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:
        raise ValueError(f'{path}: cannot be written ({error}); give another') from error
