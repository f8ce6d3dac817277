"""Settings in YAML: a file holds each known key once and no other."""

from collections.abc import Set
from pathlib import Path
from typing import Any

import yaml


def read_settings(path: Path, known: Set[str], way_out: str = '') -> dict[str, Any]:
    """
    Return a YAML file's settings, lists as tuples.

    Raises ValueError, naming the file, if it cannot be read (`way_out` says what else to give), or
    if a key is missing or unknown.
    """
    try:
        given = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())  # YAML's own spans lines
        raise ValueError(f'{path}: cannot be read ({reason}){way_out}') from error
    found = set(given) if isinstance(given, dict) else set()
    if found != known:
        raise ValueError(f'{path}: missing {sorted(known - found)}, '
                         f'unknown {sorted(found - known, key=str)}')
    return {key: tuple(value) if isinstance(value, list) else value
            for key, value in given.items()}


def read_named(folder: Path, name: str, known: Set[str]) -> tuple[Path, dict[str, Any]]:
    """
    Return path and settings of a YAML file, given by its path or as a name in `folder`.

    Raises ValueError, naming the file and what else could be given, as `read_settings` does.
    """
    path = Path(name) if name.endswith('.yaml') else folder / f'{name}.yaml'
    shipped = ', '.join(sorted(p.stem for p in folder.glob('*.yaml')))
    return path, read_settings(path, known,
                               f'; take one of {shipped}, or the path of a .yaml file')
