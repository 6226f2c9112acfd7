"""Frames into tables, fast: COPY into a temporary table, then one INSERT .. SELECT inside the caller's transaction."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier

_STAGE_NUMBERS = count(1)


@dataclass(frozen=True)
class Upserted:
    """How many rows an upsert inserted, changed, and left as they were."""

    inserted: int
    updated: int
    unchanged: int


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    frame: pl.DataFrame,
    *,
    touch: Sequence[str] = (),
) -> Upserted:
    """Insert the frame's rows by primary key, and change stored rows only where a value differs.

    `touch` columns (such as ingested_at) are written along with a change but are not themselves compared; a row without
    a difference is not touched at all. A column with a default may be left out: it keeps what is stored. JSON columns
    take text.

    Raises:
        ValueError: the frame has a column that the table lacks, or two rows with the same key.
        psycopg.Error: a row is against the table's facts; the caller's transaction is void.
    """
    key = [column.name for column in table.primary_key]
    _refuse_repeated_keys(table, frame, key)
    if frame.is_empty():
        return Upserted(0, 0, 0)
    with staged(connection, table, frame) as stage:
        statement = SQL(
            "WITH written AS ("
            "INSERT INTO {table} AS stored ({columns}) SELECT {columns} FROM {stage} "
            "ON CONFLICT ({key}) DO {change} RETURNING stored.xmax = 0 AS is_new) "
            "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written"
        ).format(
            table=Identifier(table.name),
            columns=_names(frame.columns),
            stage=Identifier(stage),
            key=_names(key),
            change=_change([name for name in frame.columns if name not in key], touch),
        )
        inserted, updated = driver_connection(connection).execute(statement).fetchone() or (0, 0)
    return Upserted(inserted, updated, frame.height - inserted - updated)


def append(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> int:
    """Insert every row of the frame; returns how many. Raises ValueError for a column that the table lacks."""
    _refuse_unknown_columns(table, frame)
    if frame.height:
        _copy(connection, table.name, frame)
    return frame.height


@contextmanager
def staged(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> Iterator[str]:
    """The name of a temporary table that holds the frame, its columns typed as the table's; dropped on leaving."""
    _refuse_unknown_columns(table, frame)
    stage = f"stage_{next(_STAGE_NUMBERS)}_{table.name}"[:63]
    driver = driver_connection(connection)
    driver.execute(
        SQL("CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA").format(
            stage=Identifier(stage), columns=_names(frame.columns), table=Identifier(table.name)
        )
    )
    _copy(connection, stage, frame)
    yield stage
    driver.execute(SQL("DROP TABLE {}").format(Identifier(stage)))


def driver_connection(connection: sa.Connection) -> psycopg.Connection[tuple[Any, ...]]:
    """The psycopg connection below, inside SQLAlchemy's transaction. Raises TypeError for another driver."""
    if not connection.in_transaction():
        connection.begin()
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"the warehouse needs a postgresql+psycopg:// engine, not {connection.engine.url.drivername}")
    return driver


def _copy(connection: sa.Connection, target: str, frame: pl.DataFrame) -> None:
    buffer = io.BytesIO()
    # Quoting all text keeps null and '' apart, and a cell of \. from ending the copy on PostgreSQL before 18.
    frame.write_csv(buffer, include_header=False, quote_style="non_numeric")
    statement = SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(Identifier(target), _names(frame.columns))
    with driver_connection(connection).cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(buffer.getbuffer())


def _change(written: Sequence[str], touch: Sequence[str]) -> SQL | psycopg.sql.Composed:
    compared = [name for name in written if name not in touch]
    if not compared:
        return SQL("NOTHING")
    new = [SQL("excluded.{}").format(Identifier(name)) for name in written]
    return SQL("UPDATE SET {sets} WHERE ({old}) IS DISTINCT FROM ({new})").format(
        sets=SQL(", ").join(
            SQL("{} = {}").format(Identifier(name), value) for name, value in zip(written, new, strict=True)
        ),
        old=SQL(", ").join(SQL("stored.{}").format(Identifier(name)) for name in compared),
        new=SQL(", ").join(SQL("excluded.{}").format(Identifier(name)) for name in compared),
    )


def _names(columns: Sequence[str]) -> psycopg.sql.Composed:
    return SQL(", ").join(Identifier(name) for name in columns)


def _refuse_unknown_columns(table: sa.Table, frame: pl.DataFrame) -> None:
    unknown = [name for name in frame.columns if name not in table.columns]
    if unknown:
        raise ValueError(
            f"table {table.name} has no column {', '.join(unknown)}; it has {', '.join(table.columns.keys())}"
        )


def _refuse_repeated_keys(table: sa.Table, frame: pl.DataFrame, key: Sequence[str]) -> None:
    absent = [name for name in key if name not in frame.columns]
    if absent:
        raise ValueError(f"rows for {table.name} lack the key column {', '.join(absent)}")
    repeated = frame.filter(frame.select(key).is_duplicated())
    if repeated.height:
        example = ", ".join(f"{name}={repeated[name][0]}" for name in key)
        raise ValueError(
            f"{repeated.height} rows for {table.name} share a key, for example {example}: send each key once"
        )
