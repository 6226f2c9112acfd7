"""What stands below an answer: the verdict on its numbers, the rows they stand in, the skill badge, the session."""

from collections.abc import Sequence
from datetime import date

from ldtm_platform.llm import shapes
from ldtm_platform.llm.facts import Source
from ldtm_platform.llm.kinds import RATIO, shown
from ldtm_platform.llm.render import rows_of
from ldtm_platform.llm.verify import Checked
from ldtm_platform.sessions import sessions_between

MOST_SOURCES = 12
# QUANT: below a month of sessions nothing is shown as a result.
ENOUGH = 21
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
    told = [row for row in fleet if row.skill is not None and min(row.n, _sessions(row)) >= ENOUGH]
    parts = [f"{_HORIZONS[row.horizon]} {shown(row.skill or 0.0, RATIO):+f} (n={row.n:,})" for row in told]
    few = [row for row in fleet if row not in told]
    parts += [f"{_HORIZONS[row.horizon]} not enough evidence (n={row.n}, sessions {_sessions(row)})" for row in few]
    better = [row for row in told if row.skill is not None and row.skill > 0]
    verdict = "no skill" if not better else "better" if len(better) == len(fleet) else "not better in all horizons"
    said = f"Skill against \"tomorrow's close is today's\" (above 0 is better): {', '.join(parts)}"
    return f"{said}. Verdict: {verdict}." if told else f"{said}."


def _sessions(row: shapes.SkillRow) -> int:
    """On how many sessions its forecasts were made, from the first to the last: tickers share the luck of each."""
    if row.first_run_date is None or row.last_run_date is None:
        return 0
    return len(sessions_between(row.first_run_date, row.last_run_date)) + 1


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
