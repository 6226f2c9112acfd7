"""An answer in a terminal: its lines as they are final, marked where a number is not in the data, and what is below.

The model's lines stand behind a bar, so that none of them can pass for ours.
"""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ldtm_platform.llm import brief, cite, shapes
from ldtm_platform.llm.asking import Answer
from ldtm_platform.llm.kinds import text_of
from ldtm_platform.llm.plain import plain
from ldtm_platform.llm.render import rows_of
from ldtm_platform.llm.verify import Checked, CheckedLine

BAR = "│ "
MARKS = {"missing": "[?]", "headline": "[headline]"}
_MOST_ROWS = 12
# Below it a table would lose its tickers and dates: a narrower terminal folds the lines instead.
_NARROWEST, _PIPED = 110, 200
# A longer text may be folded into several lines.
_SHORT = 20


def line_of(line: CheckedLine) -> str:
    """One line, its unfound numbers marked."""
    text = "".join(piece.text + MARKS.get(piece.status or "", "") for piece in line.pieces)
    before = {"item": f"{line.marker or '-'} ", "heading": "# "}.get(line.kind, "")
    return f"{BAR}{before}{text}".rstrip()


class Printer:
    """Prints the lines of an answer that grows, each once and as soon as the next one has begun."""

    def __init__(self) -> None:
        self._printed: list[str] = []

    def grow(self, checked: Checked, *, is_whole: bool = False) -> None:
        """Print what is new. A text whose beginning was taken back is printed anew."""
        lines = [line_of(line) for line in checked.lines]
        final = lines if is_whole else lines[:-1]
        if is_whole and final[: len(self._printed)] != self._printed:
            print("\nThe model took its text back; it reads:")
            self._printed = []
        for line in final[len(self._printed) :]:
            print(line, flush=True)
            self._printed.append(line)


def below(answer: Answer) -> list[str]:
    """What stands below an answer."""
    lines = [answer.checked.verdict] if answer.checked else []
    lines += answer.notes
    rows = cite.sources(answer.checked, answer.results)
    lines.append(f"As of {cite.as_of(answer.results) or 'no session yet'}. From: {'; '.join(rows) or 'no rows yet'}.")
    lines += [made_up] if (made_up := cite.simulated(answer.results)) else []
    lines.append(cite.badge(answer.fleet))
    return lines


def tables(results: Sequence[shapes.Result]) -> None:
    """Print the data that an answer rests on, or would have."""
    width = max(Console().width, _NARROWEST) if sys.stdout.isatty() else _PIPED
    console = Console(highlight=False, markup=False, width=width)
    for result in results:
        rows = rows_of(result)
        if not rows:
            continue
        counted = "1 row" if result.total == 1 else f"{result.total:,} rows"
        console.print(f"\n{brief.TITLES[type(result)]} ({result.source}, as of {result.as_of}, {counted})")
        table = Table(box=None, pad_edge=False)
        shown = brief.columns(result)
        # Text of strangers: no markup, and no letters that a terminal obeys.
        cells = [[plain(text_of(getattr(row, name), kind)) for name, _, kind in shown] for row in rows[:_MOST_ROWS]]
        for at, (_, title, kind) in enumerate(shown):
            is_short = all(len(line[at]) <= _SHORT for line in cells)
            table.add_column(title, justify="right" if kind else "left", no_wrap=is_short)
        for line in cells:
            table.add_row(*(Text(cell) for cell in line))
        console.print(table)
