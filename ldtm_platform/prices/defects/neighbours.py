"""The bars of the other tickers, stored or sent in the same ingest: whose columns a delivery may really be.

PostgreSQL finds them by day and volume in an index. Nothing of other tickers is in memory, and a ticker costs the same
among a hundred as among thousands.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier

from ldtm_platform.sources.base import BAR_COLUMNS
from ldtm_platform.warehouse.bulk import append, driver_connection
from ldtm_platform.warehouse.reads import BARS
from ldtm_platform.warehouse.tables import market_data_daily

_COLUMNS = ", ".join(BAR_COLUMNS)
_MAKE_TABLE = f"""
CREATE TEMPORARY TABLE {{table}} AS SELECT {_COLUMNS} FROM market_data_daily WITH NO DATA;
CREATE INDEX ON {{table}} (date, volume)
"""
# OFFSET 0 has it look up row by row: where rows are many, the planner would rather read the whole table.
_SHARING = f"""
SELECT other.* FROM unnest(%(days)s::date[], %(volumes)s::bigint[]) AS mine (date, volume) CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM {{table}} AS bar
    WHERE bar.date = mine.date AND bar.volume = mine.volume AND bar.ticker <> %(ticker)s
    OFFSET 0
) AS other
"""

log = logging.getLogger(__name__)


@contextmanager
def neighbours(engine: sa.Engine) -> Iterator["Neighbours"]:
    """What is known of every ticker's bars while an ingest goes on; it grows with each delivery.

    It needs a database session of its own for as long: a direct connection, or a pooler that pools sessions.
    """
    with engine.connect() as connection:
        known = Neighbours(connection)
        try:
            yield known
        finally:
            known.forget()
            # Closed for good: none of it goes back to the engine's pool.
            connection.invalidate()


class Neighbours:
    """Looks on a connection of its own, between transactions: what others have written by then is found.

    What was sent otherwise than it is stored is in a temporary table of that connection. Where the connection breaks
    and is replaced, or a pooler of transactions goes on with another, the table begins anew, and twins by adjusted
    prices of the tickers before are no longer told: a warning in the log says so.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        # A name of its own: behind a pooler, what another ingest left on the connection is not found.
        name = f"bars_sent_otherwise_{uuid4().hex}"
        self._sent = sa.Table(name, sa.MetaData(), *(sa.Column(column) for column in BAR_COLUMNS))
        self._has_sent = False

    def sharing(self, ticker: str, bars: pl.DataFrame) -> pl.DataFrame:
        """The bars of other tickers that have a day and a volume of these: BAR_COLUMNS, each once, by ticker."""
        if bars.is_empty():
            return pl.DataFrame(schema=BARS)
        asked = {"days": _array(bars["date"]), "volumes": _array(bars["volume"]), "ticker": ticker}
        rows = []
        with self._transaction(with_sent=self._has_sent) as driver:
            for table in (market_data_daily, self._sent) if self._has_sent else (market_data_daily,):
                # A plan that was kept from when a table was small would be the wrong one.
                query = SQL(_SHARING).format(table=Identifier(table.name))
                rows += driver.execute(query, asked, prepare=False).fetchall()
        return pl.DataFrame(rows, schema=BARS, orient="row").unique().sort(BAR_COLUMNS)

    def add(self, bars: pl.DataFrame) -> None:
        """Bars (BAR_COLUMNS) that this ingest was sent for a ticker, or had stored of it, and that are not stored.

        Twins are told by what their vendor sends of both.
        """
        if bars.height:
            with self._transaction(with_sent=True):
                append(self._connection, self._sent, bars.select(BAR_COLUMNS))
            self._has_sent = True

    def forget(self) -> None:
        """Drop what was added: a pooler may keep the connection for others."""
        # A connection that broke took it along.
        with suppress(sa.exc.SQLAlchemyError), self._connection.begin():
            self._connection.execute(sa.text(f"DROP TABLE IF EXISTS {self._sent.name}"))

    @contextmanager
    def _transaction(self, *, with_sent: bool) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with self._connection.begin():
            # Each time: a connection that broke is another one now.
            if with_sent and self._connection.scalar(sa.select(sa.func.to_regclass(self._sent.name))) is None:
                if self._has_sent:
                    log.warning("[ingest] the database connection is another one: adjusted twins may go unseen")
                self._connection.execute(sa.text(_MAKE_TABLE.format(table=self._sent.name)))
            yield driver_connection(self._connection)


def _array(values: pl.Series) -> str:
    """PostgreSQL's words for an array of dates or numbers; as lists they take eight times as long."""
    return "{" + ",".join(values.cast(pl.String)) + "}"
