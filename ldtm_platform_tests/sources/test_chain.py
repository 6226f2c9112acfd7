"""A chain of sources: who serves whom, whose each row is, and that two price bases never meet."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.ingest import ingest
from ldtm_platform.sources.base import BarRequest, MarketDataSource, SourceError, TickerBars
from ldtm_platform.sources.chain import ChainSource
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.sources.simulated import SimulatedSource

START, END = date(2024, 1, 2), date(2024, 2, 1)
MARKET = SimulatedSource(seed=1, sectors={"A": "x", "B": "x"}, start=START, listings={})


class Gone(MarketDataSource):
    """A source that cannot be used at all."""

    name = "gone"
    price_basis = "raw"

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        raise SourceError("the key was refused")
        yield


def folder(path: Path, ticker: str = "C") -> FolderSource:
    days = [date(2024, 1, 2), date(2024, 1, 3)]
    prices = {name: [1.0, 1.0] for name in ("open", "high", "low", "close")}
    pl.DataFrame({"date": days, **prices, "volume": [1, 1]}).write_csv(path / f"{ticker}.csv")
    return FolderSource(path, price_basis="raw")


def fetched(source: MarketDataSource, *tickers: str) -> dict[str, TickerBars]:
    return {answer.ticker: answer for answer in source.fetch([BarRequest(ticker, START, END) for ticker in tickers])}


def test_who_the_first_cannot_serve_is_asked_of_the_next(tmp_path: Path) -> None:
    answers = fetched(ChainSource([MARKET, folder(tmp_path)]), "A", "C", "D")
    assert {ticker: answer.source for ticker, answer in answers.items()} == {"A": "simulated", "C": "folder", "D": None}
    told = answers["D"].error or ""
    assert told.index("simulated: D is not among") < told.index("folder: D is in no file")


def test_a_source_that_cannot_be_used_leaves_everyone_to_the_next(tmp_path: Path) -> None:
    answers = fetched(ChainSource([Gone(), folder(tmp_path)]), "C", "D")
    assert answers["C"].source == "folder"
    assert "the key was refused" in (answers["D"].error or "")
    with pytest.raises(SourceError, match=r"gone: the key was refused; gone"):
        fetched(ChainSource([Gone(), Gone()]), "C")


def test_a_ticker_that_nobody_has_bars_of_is_no_error_where_it_is_known() -> None:
    late = SimulatedSource(seed=1, sectors={"A": "x"}, start=START, listings={"A": date(2025, 1, 2)})
    (answer,) = fetched(ChainSource([late, late]), "A").values()
    assert (answer.error, answer.bars.height) == (None, 0)


def test_two_price_bases_never_meet(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"simulated sends raw prices, folder sends split_adjusted"):
        ChainSource([MARKET, FolderSource(tmp_path)])


def test_each_row_and_ticker_is_stored_with_the_source_that_it_came_from(engine: sa.Engine, tmp_path: Path) -> None:
    chain = ChainSource([MARKET, folder(tmp_path)])
    now = datetime(2024, 2, 1, 23, tzinfo=UTC)
    list(ingest(engine, chain, ["A", "C", "D"], since=START, through=date(2024, 1, 31), now=now))
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT DISTINCT ticker, source FROM market_data_daily ORDER BY 1")).all()
        status = connection.execute(sa.text("SELECT ticker, source, state FROM market_data_status ORDER BY 1")).all()
    assert [tuple(row) for row in rows] == [("A", "simulated"), ("C", "folder")]
    assert [tuple(row) for row in status] == [
        ("A", "simulated", "ok"),
        ("C", "folder", "incomplete"),
        ("D", "simulated,folder", "failed"),
    ]
