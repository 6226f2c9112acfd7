"""The bars of the other tickers, stored or delivered in the same ingest: whose columns a delivery may really be.

They are looked up by day and volume in sorted rows, so that a ticker costs the same among a hundred as among thousands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray

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
        self._sorted: list[_Sorted] = []

    def sharing(self, ticker: str, bars: pl.DataFrame) -> pl.DataFrame:
        """The bars of other tickers that have a day and a volume of these: BAR_COLUMNS, each once."""
        if not self._sorted:
            stored = pl.concat([other_bars(self._engine, self._asked, self._since), *self._known])
            self._sorted, self._known = [_Sorted.of(stored)], []
        mine = bars.select("date", "volume").unique()
        found = pl.concat(part.having(_keys(mine)) for part in self._sorted)
        return found.filter(pl.col("ticker") != ticker).join(mine, on=["date", "volume"], how="semi").unique()

    def add(self, bars: pl.DataFrame) -> None:
        """Bars that were delivered for a ticker."""
        if not self._sorted or bars.is_empty():
            return
        added = _Sorted.of(bars.select(BAR_COLUMNS))
        # Each part is twice the next or more: few to look into, and no row is sorted often.
        while self._sorted and self._sorted[-1].rows.height < 2 * added.rows.height:
            added = _Sorted.of(pl.concat([self._sorted.pop().rows, added.rows]))
        self._sorted.append(added)


@dataclass(frozen=True)
class _Sorted:
    """Bars in the order of their keys."""

    keys: NDArray[np.int64]
    rows: pl.DataFrame

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "_Sorted":
        keys = _keys(rows)
        order = np.argsort(keys)
        return cls(keys[order], rows[order])

    def having(self, keys: NDArray[np.int64]) -> pl.DataFrame:
        """The rows of any of these keys."""
        first, end = np.searchsorted(self.keys, keys, "left"), np.searchsorted(self.keys, keys, "right")
        places = [np.arange(a, b) for a, b in zip(first, end, strict=True) if a < b]
        return self.rows[np.concatenate(places)] if places else self.rows.clear()


def _keys(rows: pl.DataFrame) -> NDArray[np.int64]:
    """A number per day and volume; two of them may share one, so what is found by it is looked at once more."""
    days = rows["date"].to_physical().cast(pl.Int64).to_numpy()
    keys: NDArray[np.int64] = (days << 44) ^ rows["volume"].cast(pl.Int64).to_numpy()
    return keys
