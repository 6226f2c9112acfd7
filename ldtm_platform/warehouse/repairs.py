"""What repairs of bars are written and read: each once, with the value before, and when the vendor mended it itself."""

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from ldtm_platform.warehouse.bulk import upsert
from ldtm_platform.warehouse.frames import selected
from ldtm_platform.warehouse.tables import market_data_repairs

# Detectors name themselves before their reason; a row in quarantine whose session has a bar by now is history.
_DEFECTS = """
WITH repaired AS (
    SELECT ticker, count(DISTINCT date) AS repaired, string_agg(DISTINCT defect, ', ') AS defects
    FROM market_data_repairs WHERE mended_at IS NULL GROUP BY ticker
), held AS (
    SELECT ticker, count(DISTINCT date) AS held, min(reason) AS reason
    FROM market_data_quarantine refused
    WHERE reason ~ '^[a-z]+_[a-z]+: '
      AND NOT EXISTS (SELECT 1 FROM market_data_daily bar
                      WHERE bar.ticker = refused.ticker AND bar.date = refused.date)
    GROUP BY ticker
)
SELECT ticker, (SELECT count(*) FROM market_data_daily bar WHERE bar.ticker = coalesce(repaired.ticker, held.ticker))
           AS bars,
       coalesce(repaired, 0) AS repaired, coalesce(defects, '') AS defects,
       coalesce(held, 0) AS held, coalesce(reason, '') AS reason
FROM repaired FULL JOIN held USING (ticker)
WHERE ticker = ANY(cast(:tickers AS text[]))
ORDER BY ticker COLLATE "C"
"""


def record_repairs(
    connection: sa.Connection,
    repairs: pl.DataFrame,
    *,
    ticker: str,
    delivered: Sequence[date],
    source: str,
    at: datetime,
) -> None:
    """Record a ticker's repairs (ticker, date, defect, old_* and new_*, evidence); the same again changes nothing.

    delivered: the sessions of the delivery. Those of them that were repaired once and are no longer are marked as
    mended by the vendor.
    """
    told = repairs.with_columns(
        pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("mended_at"), source=pl.lit(source), repaired_at=pl.lit(at)
    )
    upsert(connection, market_data_repairs, told, touch=("evidence", "source", "repaired_at"))
    table = market_data_repairs.c
    mended = sorted({*delivered} - {*repairs["date"]})
    open_ones = (table.ticker == ticker) & table.mended_at.is_(None) & table.date.in_(mended)
    if mended:
        connection.execute(sa.update(market_data_repairs).where(open_ones).values(mended_at=at))


def defects(engine: sa.Engine, tickers: Sequence[str]) -> pl.DataFrame:
    """The tickers with bars that stand repaired or are held: ticker, bars, repaired, defects, held, reason.

    held counts the sessions of which a row is in quarantine and no bar is stored.
    """
    return selected(engine, _DEFECTS, tickers=list(tickers))
