"""Tables in Markdown, line by line."""

from collections.abc import Sequence


def head(names: Sequence[str]) -> str:
    """Return a table's head of columns of those names."""
    return f'{row(names)}\n{row(["---"] * len(names))}'


def row(cells: Sequence[str]) -> str:
    """Return a row of a table."""
    return f'| {" | ".join(cells)} |'
