"""What scenes are made of: given cutouts by their split, and drawn ones, with their shares."""

from collections.abc import Sequence
from pathlib import Path

from training.cutouts import CutoutError, Cutouts, read_cutouts, split
from training.engine.protocols import Protocol
from training.engine.shapes import procedural_cutouts

PARTS = ('train', 'varieties', 'classes')


def sources_of(paths: Sequence[Path], protocol: Protocol, held_classes: Sequence[str] = (),
               held_varieties: Sequence[str] = (), part: str = 'train', seed: int = 0,
               ) -> tuple[list[Cutouts], list[float]]:
    """
    Return what a protocol composes from, and the weight of each.

    part  'train', or what training never sees: 'varieties' (of known classes) or 'classes'.
    Given cutouts weigh by the root of their number, so that small files are not lost among large
    ones. Raises CutoutError, naming files and classes, if nothing is left to compose from.
    """
    number = PARTS.index(part)
    files = [read_cutouts(path) for path in paths]
    given = [split(cutouts, held_classes, held_varieties)[number] for cutouts in files]
    if protocol.classes:
        given = [_of_classes(cutouts, protocol.classes) for cutouts in given]
        _check_classes(files, paths, protocol)
    given = [cutouts for cutouts in given if len(cutouts)]
    share = protocol.procedural_share if given else 1.0
    total = sum(len(cutouts) ** 0.5 for cutouts in given)
    weights = [(1 - share) * len(cutouts) ** 0.5 / total for cutouts in given]
    if share and protocol.procedural:
        given.append(procedural_cutouts(protocol.procedural, seed, protocol.procedural_kinds))
        weights.append(share)
    if not given:
        raise CutoutError(f'protocol {protocol.name} draws no objects itself, and the files '
                          f'{[str(path) for path in paths]} hold none for the part {part!r}: give '
                          '--cutouts files of the classes that it names')
    return given, weights


def _of_classes(cutouts: Cutouts, classes: Sequence[str]) -> Cutouts:
    return cutouts.select([i for i, name in enumerate(cutouts.classes) if name in classes])


def _check_classes(found: Sequence[Cutouts], paths: Sequence[Path], protocol: Protocol) -> None:
    """Raise CutoutError for a class that the protocol names and no file holds, in any part."""
    known = {name for cutouts in found for name in cutouts.classes}
    missing = [name for name in protocol.classes if name not in known]
    if missing:
        files = ', '.join(map(str, paths)) or 'none'
        raise CutoutError(f'protocol {protocol.name}: no cutout of class {", ".join(missing)} in '
                          f'the files given ({files}): give --cutouts that hold them, or other '
                          'protocols')
