"""Bars of other tickers that share a day and a volume: those that a plain comparison finds, however many there are."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.defects.neighbours import Neighbours
from ldtm_platform_tests.warehouse.rows import store_bars

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


@pytest.mark.parametrize("seed", range(3))
def test_stored_and_delivered_bars_are_found_as_by_a_plain_comparison(engine: sa.Engine, seed: int) -> None:
    random = np.random.default_rng(seed)
    stored = {f"S{number}": bars_of(f"S{number}", random) for number in range(3)}
    neighbours = Neighbours(engine, stored, since=START)
    known = list(stored.values())
    for number in range(12):
        ticker = f"S{number}"
        delivered = bars_of(ticker, random).sample(int(random.integers(1, 40)), seed=number)
        found = neighbours.sharing(ticker, delivered)
        assert found.sort(found.columns).equals(plainly(ticker, delivered, known))
        assert found.height
        neighbours.add(delivered)
        known.append(delivered)


def test_tickers_that_are_not_ingested_now_are_read_from_the_database(engine: sa.Engine) -> None:
    store_bars(engine, "OTHER", {START: 10.0})
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO market_data_status (ticker, source, price_basis, state) VALUES ('OTHER', 't', 'raw', 'ok')"
            )
        )
    mine = pl.DataFrame({"ticker": ["MINE"], "date": [START], "volume": [100]})
    found = Neighbours(engine, {}, since=START).sharing("MINE", mine)
    assert found["ticker"].to_list() == ["OTHER"]
    assert Neighbours(engine, {}, since=START + timedelta(days=1)).sharing("MINE", mine).is_empty()
