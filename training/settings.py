"""Settings in YAML: a file holds each known key once, no other, and values of the right kind."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
import sys
from typing import Any, get_args, get_origin, get_type_hints, Literal, TypeVar

import yaml

Kind = TypeVar('Kind')
OPTIMISER_RANGES = {'learning_rate': (1e-9, 1), 'weight_decay': (0, 1), 'warmup': (0, 1_000_000),
                    'seed': (0, 1 << 31)}  # of every training's settings
WORDS = {int: 'a whole number', float: 'a finite number', bool: 'true or false', str: 'a word'}


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which keeps the last of equal keys without a word; this one refuses."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Return a mapping; raises ConstructorError for a key that comes twice."""
        keys = [key.value for key, _ in node.value]
        twice = [key for i, key in enumerate(keys) if key in keys[:i]]
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f'{twice[0]!r} comes twice', node.start_mark)
        return super().construct_mapping(node, deep)


def read_settings(path: Path, known: Set[str], way_out: str = '') -> dict[str, Any]:
    """
    Return a YAML file's settings, lists as tuples.

    Raises ValueError, naming the file, if it cannot be read (`way_out` says what else to give), or
    if a key is missing, unknown or there twice.
    """
    given = _mapping(path, way_out)
    found = set(given)
    if found != known:
        raise ValueError(f'{path}: missing {sorted(known - found)}, '
                         f'unknown {sorted(found - known, key=str)}')
    return as_tuples(given)


def read_changes(path: Path, known: Set[str]) -> dict[str, Any]:
    """Return some of the known settings; else as `read_settings`."""
    given = _mapping(path)
    if unknown := set(given) - known:
        raise ValueError(f'{path}: unknown {sorted(unknown, key=str)}; there are {sorted(known)}')
    return as_tuples(given)


def _mapping(path: Path, way_out: str = '') -> dict[str, Any]:
    """Return what a YAML file holds, nothing if that is no mapping."""
    try:
        given = yaml.load(path.read_text(), _Loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())  # YAML's own spans lines
        raise ValueError(f'{path}: cannot be read ({reason}){way_out}') from error
    return given if isinstance(given, dict) else {}


def as_tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with lists as tuples, which nobody changes."""
    return {key: tuple(value) if isinstance(value, list) else value
            for key, value in settings.items()}


def read_named(kind: type[Kind], folder: Path, name: str) -> Kind:
    """
    Return the settings of a YAML file, given by its path or as a name in `folder`.

    A field `name` of the dataclass is the file's stem, which the file does not hold. Raises
    ValueError, naming the file and what else could be given, as `read_settings` and `made` do.
    """
    path = Path(name) if name.endswith('.yaml') else folder / f'{name}.yaml'
    shipped = ', '.join(sorted(p.stem for p in folder.glob('*.yaml')))
    hints = get_type_hints(kind)
    given = read_settings(path, set(hints) - {'name'},
                          f'; take one of {shipped}, or the path of a .yaml file')
    return made(kind, {**given, 'name': path.stem} if 'name' in hints else given, str(path))


def made(kind: type[Kind], settings: Mapping[str, Any], where: str) -> Kind:
    """
    Return a dataclass of settings, each of which is of the kind that its field says.

    Raises ValueError, naming where they stand and the setting, for one that is not, or that the
    dataclass itself refuses.
    """
    hints = get_type_hints(kind)
    for name, value in settings.items():
        if not _fits(value, hints[name]):
            raise ValueError(f'{where}: {name} must be {_in_words(hints[name])}, got {value!r}')
    try:
        return kind(**settings)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error


def check_ranges(settings: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise ValueError, naming the setting, for one that lies outside of its range."""
    for name, (least, most) in ranges.items():
        if not least <= getattr(settings, name) <= most:
            raise ValueError(f'{name} must lie in {least:g} to {most:g}, '
                             f'got {getattr(settings, name)}')


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value from YAML is what a type hint says; each float is finite."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in args
    if origin is tuple and args[-1] is not ...:
        return isinstance(value, tuple) and len(value) == len(args) and \
            all(map(_fits, value, args))
    if origin in (tuple, Sequence):
        return isinstance(value, tuple) and all(_fits(item, args[0]) for item in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and \
            all(_fits(key, args[0]) and _fits(item, args[1]) for key, item in value.items())
    if hint is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max
    return type(value) is hint


def _in_words(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f'one of {", ".join(args)}'
    if origin is tuple and args[-1] is not ...:
        return f'a list of {len(args)}, each {_in_words(args[0])}'
    if origin in (tuple, Sequence):
        return f'a list, each {_in_words(args[0])}'
    if origin is Mapping:
        return f'words, each with {_in_words(args[1])}'
    return WORDS[hint]
