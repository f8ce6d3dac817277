"""What the command lines of training have in common."""

import argparse
from collections.abc import Callable, Sequence
import functools
from pathlib import Path
import sys

from seq_amodal_ros.files import check_writable


def command(name: str, *also: type[Exception],
            ) -> Callable[[Callable[..., None]], Callable[..., int]]:
    """
    Make a command of a function of its arguments: its exit status is 0, or 2 where it fails.

    ValueError, OSError and those given become a line on stderr that begins with the name.
    """
    expected: tuple[type[Exception], ...] = (ValueError, OSError, *also)

    def command_of(work: Callable[..., None]) -> Callable[..., int]:
        @functools.wraps(work)
        def main(arguments: Sequence[str] | None = None) -> int:
            try:
                work(arguments)
            except expected as error:
                print(f'{name}: {error}', file=sys.stderr)
                return 2
            return 0
        return main
    return command_of


def parser_of(doc: str) -> argparse.ArgumentParser:
    """Return a parser whose help is a module's docstring: its first line, options, the rest."""
    first, _, rest = doc.strip().partition('\n')
    return argparse.ArgumentParser(description=first, epilog=rest.strip(),
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def add_cutouts(parser: argparse.ArgumentParser,
                purpose: str = 'what scenes are composed of; without any, drawn '
                'objects, which not every protocol has') -> None:
    """Add --cutouts, any number of .npz files: a list of Path."""
    parser.add_argument('--cutouts', type=Path, nargs='*', default=[], metavar='NPZ', help=purpose)


def add_backgrounds(parser: argparse.ArgumentParser) -> None:
    """Add --backgrounds, a folder for `read_photographs`."""
    parser.add_argument('--backgrounds', type=Path, metavar='DIR',
                        help='photographs that some scenes lie on')


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device, a text for `choose_device`."""
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Raise ValueError, naming the option, for a value out of its range or not a number."""
    if not least <= value <= most:
        raise ValueError(f'{name} must lie in {least} to {most}, got {value}')


def check_folder(out: Path, option: str = '--out') -> None:
    """Make a folder, if there is none yet; raise ValueError, naming both, if that fails."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        check_writable(out / 'new')
    except (OSError, ValueError) as error:
        raise ValueError(f'{out}: no folder to write to ({error}); give another '
                         f'{option}') from error
