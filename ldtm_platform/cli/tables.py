"""What people read in a terminal: lines, and frames as tables."""

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import polars as pl


def say(line: str) -> None:
    """A line for people, on stderr: stdout is for results."""
    print(line, file=sys.stderr, flush=True)


def show(frame: "pl.DataFrame", *, empty: str) -> None:
    """Print a frame as a table, numbers to the right; a sentence instead when it has no rows."""
    # Into a file or a pipe a table is as wide as it needs to be.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    if frame.is_empty():
        console.print(empty, markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for name, kind in frame.schema.items():
        table.add_column(name, justify="right" if kind.is_numeric() else "left", no_wrap=True)
    for row in frame.rows():
        table.add_row(*(_text(value) for value in row))
    console.print(table)


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
