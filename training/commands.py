"""What the command lines of training have in common."""

import argparse
from pathlib import Path


def parser_of(doc: str) -> argparse.ArgumentParser:
    """Return a parser whose help is a module's docstring: its first line, options, the rest."""
    first, _, rest = doc.strip().partition('\n')
    return argparse.ArgumentParser(description=first, epilog=rest.strip(),
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def add_cutouts(parser: argparse.ArgumentParser,
                purpose: str = 'what scenes are composed of; drawn objects without any') -> None:
    """Add --cutouts, any number of .npz files: a list of Path."""
    parser.add_argument('--cutouts', type=Path, nargs='*', default=[], metavar='NPZ', help=purpose)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device, a text for `choose_device`."""
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
