"""What stands below an answer: the verdict on its numbers, the rows they stand in, the skill badge, the session."""

from collections.abc import Sequence
from datetime import date

from ldtm_platform.llm import shapes
from ldtm_platform.llm.facts import Source
from ldtm_platform.llm.render import rows_of
from ldtm_platform.llm.verify import Checked

MOST_SOURCES = 12
_HORIZONS = {"next_day": "next day", "next_monday": "next Monday", "one_month": "one month"}


def as_of(results: Sequence[shapes.Result]) -> date | None:
    """The newest session that the data of an answer are of."""
    days = [result.as_of for result in results if result.as_of and not isinstance(result, shapes.Headlines)]
    return max(days, default=None)


def simulated(results: Sequence[shapes.Result]) -> str | None:
    """Whose prices of the data are made up, in a sentence; None where none are."""
    rows = [row for result in results for row in rows_of(result)]
    named = sorted({getattr(row, "ticker", "TQQQ") for row in rows if getattr(row, "is_simulated", False)})
    return f"Simulated prices, which say nothing about any market: {', '.join(named)}." if named else None


def badge(fleet: Sequence[shapes.SkillRow]) -> str:
    """The models' skill against persistence, in a sentence."""
    if not fleet:
        return "Skill against \"tomorrow's close is today's\": not enough evidence yet, no forecast has matured."
    said = "; ".join(f"{_HORIZONS[row.horizon]}: {row.verdict}" for row in fleet)
    return f"Skill against \"tomorrow's close is today's\", with 95 % intervals. {said[:1].upper()}{said[1:]}."


def sources(checked: Checked | None, results: Sequence[shapes.Result]) -> list[str]:
    """The rows that an answer's numbers stand in; the tables that were read where it has none."""
    rows = list(checked.sources) if checked else []
    if not rows:
        read = [
            f"{result.source} (as of {result.as_of}, {result.total} {'row' if result.total == 1 else 'rows'})"
            for result in results
            if result.total
        ]
        return list(dict.fromkeys(read))
    named = [_row(row) for row in rows[:MOST_SOURCES]]
    return [*named, f"and {len(rows) - MOST_SOURCES} more rows"] if len(rows) > MOST_SOURCES else named


def _row(source: Source) -> str:
    parts = (source.table, source.ticker, source.session)
    return " ".join(part for part in parts if part)
