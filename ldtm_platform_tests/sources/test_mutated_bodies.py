"""Recorded bodies with things wrong in them: no crash, no bad row, an answer or an error with a name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.actions import split_good_and_bad_actions
from ldtm_platform.prices.bars import DailyBar, split_good_and_bad
from ldtm_platform.prices.ingest import ingest
from ldtm_platform.sources.alpaca import actions_of, ticker_bars
from ldtm_platform.sources.alpaca_requests import bars_of
from ldtm_platform.sources.base import ACTIONS_SCHEMA, BarRequest, MarketDataSource, PriceBasis, TickerBars, no_answer
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.sources.rows import table
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.sources.vendor import Patience, VendorError, parsed
from ldtm_platform.sources.yahoo import chart
from ldtm_platform.sources.yfinance import YfinanceSource
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.sources.mutations import mutated
from ldtm_platform_tests.sources.vendor_server import Reply, Seen, serving

RANGE = (date(2000, 1, 3), date(2026, 9, 1))
THROUGH = date(2026, 8, 31)
PATIENCE = Patience(attempts=1, connect_s=5, read_s=10, budget_s=20)
ACTIONS = (
    b'{"corporate_actions": {"forward_splits": [{"symbol": "AAPL", "new_rate": 4, "old_rate": 1, "ex_date": '
    b'"2020-08-31"}], "cash_dividends": [{"symbol": "AAPL", "rate": 0.2, "ex_date": "2020-11-06"}]}, '
    b'"next_page_token": null}'
)
Read = Callable[[bytes, Path], TickerBars]


def yahoo(ticker: str) -> Read:
    return lambda body, _: chart(body, BarRequest(ticker, *RANGE))


def alpaca_bars(body: bytes, _: Path) -> TickerBars:
    return ticker_bars("AAPL", bars_of(table(parsed(body, "alpaca"), "page")), [], RANGE[1])


def alpaca_actions(body: bytes, _: Path) -> TickerBars:
    return ticker_bars("AAPL", {}, actions_of(table(parsed(body, "alpaca"), "page")), RANGE[1])


def from_folder(body: bytes, folder: Path) -> TickerBars:
    (folder / "AAPL.csv").write_bytes(body)
    (answer,) = FolderSource(folder).fetch([BarRequest("AAPL", *RANGE)])
    return answer


@dataclass
class Spoken:
    """A server that says one body to every request for a chart, and the package yfinance that asks it."""

    body: bytes = b""

    def __call__(self, seen: Seen) -> Reply:
        """The answer to a request; the pages of the chase for a cookie lead nowhere."""
        return Reply(body=self.body) if "/chart/" in seen.path else Reply(404)

    def reader(self, url: str, ticker: str) -> Read:
        """What reads a body by way of the package."""

        def read(body: bytes, folder: Path) -> TickerBars:
            self.body = body
            source = YfinanceSource(folder / "kept", base_url=url, patience=PATIENCE, per_second=10_000)
            (answer,) = source.fetch([BarRequest(ticker, *RANGE)])
            return answer

        return read


def recordings(wire: Path, spoken: Spoken, url: str) -> list[tuple[bytes, Read]]:
    """Each recorded body, long tables by their newest 60 rows, with what reads it."""
    found: list[tuple[bytes, Read]] = [(ACTIONS, alpaca_actions)]
    charts = sorted((wire / "yahoo").glob("*_chart_*.json"))
    found += [(path.read_bytes(), yahoo(path.stem.split("_")[2])) for path in charts]
    found += [(path.read_bytes(), spoken.reader(url, path.stem.split("_")[2])) for path in charts[::3]]
    found += [(path.read_bytes(), alpaca_bars) for path in sorted((wire / "alpaca").glob("bars_*.json"))]
    for path in (wire / "stooq" / "aapl_us_d.csv", wire / "nasdaq" / "AAPL_historical.csv"):
        lines = path.read_bytes().splitlines(keepends=True)
        newest = lines[1:61] if path.parent.name == "nasdaq" else lines[-60:]
        found.append((b"".join(lines[:1] + newest), from_folder))
    return found


def answers(wire: Path, folder: Path, *, seed: int, count: int) -> Iterator[TickerBars]:
    """What is read of `count` mutated bodies; only an error with a name may come instead."""
    random, spoken = Random(seed), Spoken()
    with serving(spoken) as server:
        bodies = recordings(wire, spoken, server.url)
        for at in range(count):
            body, read = bodies[at % len(bodies)]
            try:
                yield read(mutated(body, random), folder)
            except VendorError as error:
                yield no_answer("AAPL", str(error))


def check(answer: TickerBars) -> int:
    """Sorts an answer as an ingest does; returns its good rows, each of which is a bar."""
    good, bad = split_good_and_bad(answer.bars, THROUGH)
    DailyBar.validate(good)
    actions, bad_actions = split_good_and_bad_actions(answer.actions)
    assert actions.filter(pl.col("kind") != "halt")["value"].is_finite().all()
    assert good.select("ticker", "date").is_duplicated().sum() == 0
    assert all("\0" not in payload for payload in [*bad["payload"], *bad_actions["payload"]])
    return good.height


def test_a_sample_of_mutated_bodies_is_read_or_named(shared_data: Path, tmp_path: Path) -> None:
    told = [(check(answer), answer.error) for answer in answers(shared_data / "wire", tmp_path, seed=1, count=400)]
    # It would prove little if nothing got through, or everything.
    assert sum(rows > 0 for rows, _ in told) > 50
    assert sum(error is not None for _, error in told) > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_thousand_mutated_bodies_are_read_or_named(shared_data: Path, tmp_path: Path, seed: int) -> None:
    for answer in answers(shared_data / "wire", tmp_path, seed=seed, count=1000):
        check(answer)


class Answered(MarketDataSource):
    """Answers that are there already, one a ticker."""

    name = "mutated"

    def __init__(self, told: Sequence[TickerBars], price_basis: PriceBasis) -> None:
        self._told, self.price_basis = {answer.ticker: answer for answer in told}, price_basis

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        yield from (self._told[request.ticker] for request in requests)


def renamed(answer: TickerBars, ticker: str) -> TickerBars:
    to = pl.lit(ticker).alias("ticker")
    return TickerBars(ticker, answer.bars.with_columns(to), answer.actions.with_columns(to), answer.error)


@pytest.mark.parametrize("basis", ["raw", "split_adjusted"])
def test_a_mutated_market_is_ingested_twice_without_a_bad_row(
    shared_data: Path, tmp_path: Path, engine: sa.Engine, basis: PriceBasis
) -> None:
    tickers = [f"T{at}" for at in range(120)]
    now = datetime(2026, 9, 1, tzinfo=UTC)
    for seed in (21, 22):
        told = answers(shared_data / "wire", tmp_path, seed=seed, count=len(tickers))
        source = Answered([renamed(answer, ticker) for answer, ticker in zip(told, tickers, strict=True)], basis)
        outcomes = list(ingest(engine, source, tickers, since=RANGE[0], through=THROUGH, now=now))
        # One outcome each; the quiet ones come last, when the newest bars of the others are known.
        assert sorted(outcome.ticker for outcome in outcomes) == sorted(tickers)
        assert all(outcome.message for outcome in outcomes if outcome.state != "ok")
    stored = reads.bars(engine, tickers)
    _, bad = split_good_and_bad(stored, THROUGH)
    assert (stored.height > 500, bad.height) == (True, 0)


def test_a_row_that_only_the_database_refuses_costs_its_ticker_alone(engine: sa.Engine) -> None:
    day = {"date": [date(2024, 1, 2)], "high": [1e-322], "low": [1e-322], "open": [1e-322], "close": [1e-322]}
    bars = pl.DataFrame({"ticker": ["TINY"], **day, "volume": [1]})
    # Back to what was traded before a reverse split, the price is too small to be a number above zero.
    split = pl.DataFrame([("TINY", date(2024, 1, 3), "split", 0.0005)], schema=ACTIONS_SCHEMA, orient="row")
    (good,) = SimulatedSource(seed=1, sectors={"A": "x"}, start=date(2024, 1, 2)).fetch(
        [BarRequest("A", date(2024, 1, 2), date(2024, 1, 4))]
    )
    source = Answered([TickerBars("TINY", bars, split), good], "split_adjusted")
    day_after = datetime(2024, 1, 4, tzinfo=UTC)
    outcomes = list(
        ingest(engine, source, ["TINY", "A"], since=date(2024, 1, 2), through=date(2024, 1, 3), now=day_after)
    )
    assert [(outcome.ticker, outcome.state) for outcome in outcomes] == [("TINY", "failed"), ("A", "ok")]
