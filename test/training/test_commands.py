"""Command lines of training describe themselves and take the same options."""

from pathlib import Path

from training.commands import add_cutouts, add_device, parser_of


def test_help_is_the_docstring_of_the_module():
    text = parser_of('\nTrain it.\n\n    python -m this --run there\n').format_help()
    assert '\nTrain it.\n' in text
    assert text.endswith('python -m this --run there\n')


def test_options_that_many_commands_have():
    parser = parser_of('Train it.')
    add_cutouts(parser)
    add_device(parser)
    given = parser.parse_args(['--cutouts', 'a.npz', 'b.npz'])
    assert given.cutouts == [Path('a.npz'), Path('b.npz')]
    assert given.device == 'auto'
