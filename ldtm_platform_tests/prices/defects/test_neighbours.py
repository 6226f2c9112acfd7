"""Bars of other tickers that share a day and a volume: those that a plain comparison finds, however many there are."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.defects.neighbours import Neighbours, neighbours
from ldtm_platform.warehouse.bulk import upsert
from ldtm_platform.warehouse.tables import market_data_daily

START = date(2024, 1, 2)


def bars_of(ticker: str, random: np.random.Generator) -> pl.DataFrame:
    """Forty bars with few volumes, so that many are shared; some of them huge."""
    volumes = random.choice([0, 1, 5, 2**44, 2**45 + 1, 2**60], 40)
    closes = random.choice([10.0, 11.0], 40)
    return pl.DataFrame({"ticker": ticker, "date": [START + timedelta(days=day) for day in range(40)]}).with_columns(
        **dict.fromkeys(("open", "high", "low", "close"), pl.Series(closes)), volume=pl.Series(volumes, dtype=pl.Int64)
    )


def plainly(ticker: str, bars: pl.DataFrame, known: list[pl.DataFrame]) -> pl.DataFrame:
    mine = set(bars.select("date", "volume").rows())
    rows = {row for frame in known for row in frame.rows() if row[0] != ticker and (row[1], row[6]) in mine}
    return pl.DataFrame(sorted(rows), schema=bars.schema, orient="row")


def store(engine: sa.Engine, bars: pl.DataFrame) -> None:
    with engine.begin() as connection:
        upsert(connection, market_data_daily, bars.with_columns(source=pl.lit("test")))


@pytest.mark.parametrize("seed", range(3))
def test_stored_and_delivered_bars_are_found_as_by_a_plain_comparison(engine: sa.Engine, seed: int) -> None:
    random = np.random.default_rng(seed)
    known: list[pl.DataFrame] = []
    with neighbours(engine) as others:
        for number in range(12):
            ticker = f"S{number}"
            delivered = bars_of(ticker, random).sample(int(random.integers(1, 40)), seed=number)
            found = others.sharing(ticker, delivered)
            assert found.equals(plainly(ticker, delivered, known))
            assert found.height or number < 4
            # Every other one is stored otherwise than it was sent: it is known by both.
            stored = delivered.with_columns(volume=pl.col("volume") // 2) if number % 2 else delivered
            store(engine, stored)
            others.add(delivered.filter(number % 2 == 1))
            known += [delivered, stored]


def test_what_was_sent_otherwise_is_forgotten_with_the_ingest(engine: sa.Engine) -> None:
    mine = bars_of("S0", np.random.default_rng(0))
    with neighbours(engine) as others:
        others.add(mine)
        assert others.sharing("S1", mine).height == mine.height
    for _ in range(2):
        with neighbours(engine) as others:
            assert others.sharing("S1", mine).is_empty()


def test_what_a_killed_ingest_left_on_a_connection_is_not_found_and_what_another_leaves_is_nothing(
    engine: sa.Engine,
) -> None:
    random = np.random.default_rng(0)
    mine, others = bars_of("S0", random), bars_of("S2", random).with_columns(pl.col("date") + pl.duration(days=40))
    with engine.connect() as connection:
        Neighbours(connection).add(mine)
        tables = temporary_tables(connection)
        later = Neighbours(connection)
        later.add(others)
        assert later.sharing("S1", pl.concat([mine, others])).equals(others)
        later.forget()
        assert temporary_tables(connection) == tables
        connection.invalidate()


def temporary_tables(connection: sa.Connection) -> list[str]:
    found = connection.execute(sa.text("SELECT relname FROM pg_class WHERE relpersistence = 't'")).scalars().all()
    connection.rollback()
    return sorted(found)


def test_a_connection_that_broke_is_replaced_and_what_went_with_it_is_said(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    random = np.random.default_rng(0)
    mine, otherwise = bars_of("S0", random), bars_of("S0", random)
    store(engine, mine)
    with neighbours(engine) as others:
        others.add(otherwise)
        assert others.sharing("S1", otherwise).height >= otherwise.height
        with engine.begin() as connection:
            mates = "pid <> pg_backend_pid() AND datname = current_database()"
            connection.execute(sa.text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mates}"))
        with pytest.raises(sa.exc.OperationalError):
            others.sharing("S1", mine)
        assert not caplog.messages
        for _ in range(2):
            assert others.sharing("S1", mine).equals(mine)
        assert caplog.messages == ["[ingest] the database connection is another one: adjusted twins may go unseen"]
        assert others.sharing("S1", otherwise).height < otherwise.height
