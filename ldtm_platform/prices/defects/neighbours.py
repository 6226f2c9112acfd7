"""The bars of the other tickers, stored or sent in the same ingest: whose columns a delivery may really be.

PostgreSQL finds them by day and volume in an index. Nothing of other tickers is in memory, and a ticker costs the same
among a hundred as among thousands.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier

from ldtm_platform.sources.base import BAR_COLUMNS
from ldtm_platform.warehouse.bulk import append, driver_connection
from ldtm_platform.warehouse.reads import BARS
from ldtm_platform.warehouse.tables import market_data_daily

# What this ingest was sent and is not stored like that: twins are told by what their vendor sends of both.
_OTHERWISE = sa.Table("bars_sent_otherwise", sa.MetaData(), *(sa.Column(name) for name in BAR_COLUMNS))
_COLUMNS = ", ".join(BAR_COLUMNS)
_MAKE_TABLE = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS {_OTHERWISE.name} AS SELECT {_COLUMNS} FROM market_data_daily WITH NO DATA;
CREATE INDEX IF NOT EXISTS {_OTHERWISE.name}_idx ON {_OTHERWISE.name} (date, volume)
"""
# OFFSET 0 has it look up row by row: where rows are many, the planner would rather read the whole table.
_SHARING = f"""
SELECT other.* FROM unnest(%(days)s::date[], %(volumes)s::bigint[]) AS mine (date, volume) CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM {{table}} AS bar
    WHERE bar.date = mine.date AND bar.volume = mine.volume AND bar.ticker <> %(ticker)s
    OFFSET 0
) AS other
"""


@contextmanager
def neighbours(engine: sa.Engine) -> Iterator["Neighbours"]:
    """What is known of every ticker's bars while an ingest goes on; it grows with each delivery."""
    with engine.connect() as connection:
        try:
            yield Neighbours(connection)
        finally:
            # Closed for good, and its temporary table with it.
            connection.invalidate()


class Neighbours:
    """Looks on a connection of its own, between transactions: what others have written by then is found."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._tables = [market_data_daily.name]

    def sharing(self, ticker: str, bars: pl.DataFrame) -> pl.DataFrame:
        """The bars of other tickers that have a day and a volume of these: BAR_COLUMNS, each once, by ticker."""
        if bars.is_empty():
            return pl.DataFrame(schema=BARS)
        asked = {"days": _array(bars["date"]), "volumes": _array(bars["volume"]), "ticker": ticker}
        rows = []
        with self._transaction() as driver:
            for table in self._tables:
                # A plan that was kept from when a table was small would be the wrong one.
                query = SQL(_SHARING).format(table=Identifier(table))
                rows += driver.execute(query, asked, prepare=False).fetchall()
        return pl.DataFrame(rows, schema=BARS, orient="row").unique().sort(BAR_COLUMNS)

    def add(self, bars: pl.DataFrame) -> None:
        """Bars (BAR_COLUMNS) that this ingest was sent for a ticker, or had stored of it, and that are not stored."""
        if bars.height:
            self._tables = [market_data_daily.name, _OTHERWISE.name]
            with self._transaction():
                append(self._connection, _OTHERWISE, bars.select(BAR_COLUMNS))

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with self._connection.begin():
            if _OTHERWISE.name in self._tables:
                # Each time: a connection that broke is another one now.
                self._connection.execute(sa.text(_MAKE_TABLE))
            yield driver_connection(self._connection)


def _array(values: pl.Series) -> str:
    """PostgreSQL's words for an array of dates or numbers; as lists they take eight times as long."""
    return "{" + ",".join(values.cast(pl.String)) + "}"
