"""The bars of the other tickers, stored or delivered in the same ingest: whose columns a delivery may really be."""

from collections.abc import Mapping
from datetime import date

import polars as pl
import sqlalchemy as sa

from ldtm_platform.sources.base import BAR_COLUMNS
from ldtm_platform.warehouse.repairs import other_bars


class Neighbours:
    """What is known of every ticker's bars while an ingest goes on; it grows with each delivery."""

    def __init__(self, engine: sa.Engine, stored: Mapping[str, pl.DataFrame], *, since: date) -> None:
        """stored: BAR_COLUMNS of the tickers that are ingested; the others are read from the database when needed."""
        self._engine = engine
        self._asked = list(stored)
        self._since = since
        self._known = [bars.filter(pl.col("date") >= since) for bars in stored.values() if bars.height]
        self._frame: pl.DataFrame | None = None

    def sharing(self, ticker: str, bars: pl.DataFrame) -> pl.DataFrame:
        """The bars of other tickers that have a day and a volume of these: BAR_COLUMNS, each once."""
        if self._frame is None:
            self._frame = pl.concat([other_bars(self._engine, self._asked, self._since), *self._known])
        mine = bars.select("date", "volume")
        return self._frame.filter(pl.col("ticker") != ticker).join(mine, on=["date", "volume"], how="semi").unique()

    def add(self, bars: pl.DataFrame) -> None:
        """Bars that were delivered for a ticker."""
        if self._frame is not None and bars.height:
            self._frame = self._frame.extend(bars.select(BAR_COLUMNS))
