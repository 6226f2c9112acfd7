"""Hourly bodies with things wrong in them: no crash, no bad bar, and none before it was known."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.hourly.bars import HourlyBar, sort_hours
from ldtm_platform.prices.hourly.ingest import ingest_hours
from ldtm_platform.sources.alpaca_requests import bars_of
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.hourly import TickerHours, no_hours
from ldtm_platform.sources.hourly_alpaca import ticker_hours
from ldtm_platform.sources.hourly_folder import HourlyFolder
from ldtm_platform.sources.rows import table
from ldtm_platform.sources.vendor import VendorError, parsed
from ldtm_platform.warehouse.bulk import upsert
from ldtm_platform.warehouse.hourly_reads import hourly_bars
from ldtm_platform.warehouse.tables import market_data_daily
from ldtm_platform_tests.hourly_bars import hourly_of
from ldtm_platform_tests.models.generated import SESSIONS, random_bars
from ldtm_platform_tests.prices.hourly.test_hourly_ingest import Held
from ldtm_platform_tests.sources.mutations import mutated

NOTHING = pl.DataFrame(schema={"ticker": pl.String, "date": pl.Date, "grid": pl.String})
NOW = datetime(2020, 1, 14, 18, tzinfo=UTC)
DAILY = random_bars("AAPL", 8)
HOURS = hourly_of(DAILY)
_SHORT = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


def alpaca_body() -> bytes:
    whole = HOURS.filter(pl.col("start_at").dt.minute() == 0)
    told = whole.select(t=pl.col("start_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), **{s: n for n, s in _SHORT.items()})
    return json.dumps({"bars": {"AAPL": told.rows(named=True)}, "next_page_token": None}).encode()


def read_alpaca(body: bytes, _: Path) -> TickerHours:
    return ticker_hours("AAPL", bars_of(table(parsed(body, "alpaca"), "page")))


def read_folder(body: bytes, folder: Path) -> TickerHours:
    (folder / "AAPL.csv").write_bytes(body)
    request = BarRequest("AAPL", date(2019, 1, 1), date(2027, 1, 1))
    (answer,) = HourlyFolder(folder, price_basis="raw").fetch([request])
    return answer


BODIES = ((alpaca_body(), read_alpaca), (HOURS.drop("ticker").write_csv().encode(), read_folder))


def answers(folder: Path, *, seed: int, count: int) -> Iterator[TickerHours]:
    """What is read of `count` mutated bodies; only an error with a name may come instead."""
    random = Random(seed)
    for at in range(count):
        body, read = BODIES[at % len(BODIES)]
        try:
            yield read(mutated(body, random), folder)
        except VendorError as error:
            yield no_hours("AAPL", str(error))


def check(answer: TickerHours) -> int:
    """Sorts an answer as an ingest does; returns its good rows, each of which is a bar that was known."""
    found = sort_hours(answer.bars, NOTHING, NOW)
    HourlyBar.validate(found.good, cast=False)
    assert found.good.select("ticker", "start_at").is_duplicated().sum() == 0
    assert found.good.filter(pl.col("known_at") > NOW).is_empty()
    assert found.good.group_by("ticker", "date").agg(pl.col("grid").n_unique()).filter(pl.col("grid") > 1).is_empty()
    assert all("\0" not in payload for payload in found.bad["payload"])
    return found.good.height


def test_a_sample_of_mutated_hours_is_read_or_named(tmp_path: Path) -> None:
    told = [(check(answer), answer.error) for answer in answers(tmp_path, seed=1, count=200)]
    assert sum(rows > 0 for rows, _ in told) > 25
    assert sum(error is not None for _, error in told) > 25


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_thousands_of_mutated_hours_are_read_or_named(tmp_path: Path, seed: int) -> None:
    for answer in answers(tmp_path, seed=seed, count=1000):
        check(answer)


def test_a_mutated_market_of_hours_is_ingested_twice_without_a_bad_bar(tmp_path: Path, engine: sa.Engine) -> None:
    tickers = [f"T{at}" for at in range(40)]
    with engine.begin() as connection:
        for ticker in tickers:
            upsert(connection, market_data_daily, DAILY.with_columns(ticker=pl.lit(ticker), source=pl.lit("test")))
    for seed in (21, 22):
        told = [answer.bars for answer in answers(tmp_path, seed=seed, count=len(tickers)) if answer.bars.height]
        mixed = [
            bars.cast(pl.String).with_columns(ticker=pl.lit(ticker))
            for bars, ticker in zip(told, tickers, strict=False)
        ]
        outcomes = list(
            ingest_hours(engine, Sent(pl.concat(mixed)), tickers, since=SESSIONS[0], through=SESSIONS[7], now=NOW)
        )
        assert sorted(outcome.status.ticker for outcome in outcomes) == sorted(tickers)
        assert all(outcome.status.message for outcome in outcomes if outcome.status.state != "ok")
    stored = hourly_bars(engine, tickers)
    HourlyBar.validate(stored)
    assert stored.height > 300


class Sent(Held):
    """Rows of text, whatever range is asked for."""

    def fetch(self, requests: list[BarRequest]) -> Iterator[TickerHours]:  # type: ignore[override]
        for request in requests:
            yield TickerHours(request.ticker, self.bars.filter(pl.col("ticker") == request.ticker))
