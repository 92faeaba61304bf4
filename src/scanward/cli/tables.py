"""Prints tables."""

from collections.abc import Sequence

import click


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below heads, aligned; nothing is cut off."""
    widths = [max(len(head), *(len(row[place]) for row in rows), 1) for place, head in enumerate(heads)]
    for cells in (heads, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
