"""Files are written whole or not at all, and what cannot be written is known before the work."""

from collections.abc import Mapping
import os
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and move it into place, so that no reader sees half a file."""
    write_together({path: data})


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write files as `write_atomic`, and move none into place before all are written."""
    parts = {path.with_name(f'.{path.name}.{os.getpid()}'): path for path in files}
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        for part, path in parts.items():
            part.write_bytes(files[path])
        for part, path in parts.items():
            part.replace(path)
    finally:
        for part in parts:
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
