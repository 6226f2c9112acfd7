"""Whose prices each ticker's are. Made-up ones are named wherever they show, row by row where a program reads.

Nothing that says what forecasts are worth pools them with real ones; what was done (ingests, runs, forecasts, open
targets) is counted of all tickers: a failure of a made-up one is a failure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl
import sqlalchemy as sa

from ldtm_platform.warehouse.frames import selected

_SOURCES = "SELECT ticker, source FROM market_data_status WHERE last_date IS NOT NULL"


@dataclass(frozen=True)
class Provenance:
    """The source that last served each ticker that has bars."""

    sources: Mapping[str, str]

    @cached_property
    def simulated(self) -> frozenset[str]:
        """The tickers whose prices are made up."""
        return frozenset(ticker for ticker, source in self.sources.items() if source == "simulated")

    @cached_property
    def apart(self) -> tuple[str, ...]:
        """The simulated tickers that no figure may pool with others; none where every ticker is simulated."""
        return tuple(sorted(self.simulated)) if len(self.simulated) < len(self.sources) else ()

    def marked(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame (column ticker) with is_simulated: whether the ticker's prices are made up."""
        return frame.with_columns(is_simulated=pl.col("ticker").is_in(sorted(self.simulated)))

    def parts(self, frame: pl.DataFrame) -> list[pl.DataFrame]:
        """The rows of a frame (column ticker) that belong together: the real ones, then those apart; all as one."""
        if not self.apart:
            return [frame]
        rest = frame.filter(pl.col("ticker").is_in(self.apart))
        return [part for part in (self.poolable(frame), rest) if part.height]

    def poolable(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame (column ticker) that a pooled figure may rest on."""
        return frame.filter(~pl.col("ticker").is_in(self.apart)) if self.apart else frame


def provenance(engine: sa.Engine) -> Provenance:
    """As the last ingest of each ticker left it."""
    return Provenance(dict(selected(engine, _SOURCES).iter_rows()))
