"""What the Ticker View draws, read and made comparable: one price basis, errors, and what they prove."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl
import sqlalchemy as sa

from ldtm_platform.dashboard.figures import history as drawable
from ldtm_platform.evaluation.comparison import Comparison, compared
from ldtm_platform.horizons import SESSIONS_A_MONTH
from ldtm_platform.warehouse import reads, screens

# A year, and the month before it whose one-month forecasts fall into it.
YEAR = 252
SHOWN = YEAR + SESSIONS_A_MONTH
# A month's errors overlap: two years of them are enough evidence, one is not.
LONGER = 2 * YEAR + SESSIONS_A_MONTH


@dataclass(frozen=True)
class View:
    """What the page draws: snapshots and closes in one price basis, the snapshot looked at, and the sessions around."""

    ticker: str
    history: pl.DataFrame
    longer: pl.DataFrame
    closes: pl.DataFrame
    chosen: dict[str, Any]
    around: dict[str, date | None]
    card: pl.DataFrame
    confidence: pl.DataFrame

    @cached_property
    def next_day_errors(self) -> pl.DataFrame:
        """Of the year that is drawn."""
        return drawable.errors(self.history, "next_day")

    @cached_property
    def one_month_errors(self) -> pl.DataFrame:
        """Of two years."""
        return drawable.errors(self.longer, "one_month")

    @cached_property
    def next_day(self) -> Comparison:
        """With persistence, over the year that is drawn."""
        return compared(self.next_day_errors, "next_day")

    @cached_property
    def next_monday(self) -> Comparison:
        """With persistence, over two years: they overlap."""
        return compared(drawable.errors(self.longer, "next_monday"), "next_monday")


def read_view(engine: sa.Engine, ticker: str, session: date | None) -> View | None:
    """Everything that the page draws of a ticker as of a session (the latest when None); None without a forecast."""
    history = screens.ticker_history(engine, ticker, session=session, last=LONGER)
    if history.is_empty():
        return None
    chosen = history.row(-1, named=True)
    first, run_date = history["run_date"][0], chosen["run_date"]
    raw = screens.closes(engine, [ticker], start=first, end=chosen["one_month_target_date"])
    closes = drawable.adjusted_closes(raw, reads.splits(engine, [ticker]))
    restated = drawable.in_shown_basis(history, closes)
    year = restated.tail(SHOWN)
    return View(
        ticker=ticker,
        history=year,
        longer=restated,
        closes=closes.filter(pl.col("date") >= year["run_date"][0]),
        chosen=restated.row(-1, named=True),
        around=screens.sessions_around(engine, run_date, ticker),
        card=screens.model_card(engine, ticker),
        confidence=screens.ticker_confidence(engine, ticker, run_date),
    )
