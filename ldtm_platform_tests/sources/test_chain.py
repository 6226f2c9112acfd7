"""A chain of sources: who serves whom, whose each row is, and that two price bases never meet."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.ingest import ingest
from ldtm_platform.prices.outcome import IngestOutcome
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.agreement import filled, gap
from ldtm_platform.sources.base import (
    ACTIONS_SCHEMA,
    PRICE_COLUMNS,
    BarRequest,
    MarketDataSource,
    SourceError,
    TickerBars,
)
from ldtm_platform.sources.chain import ChainSource
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.warehouse import reads

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
    assert (answers["C"].source, answers["C"].note) == ("folder", "gone: the key was refused")
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


def without(source: MarketDataSource, days: Sequence[date]) -> MarketDataSource:
    """The source, leaving out these days without a word."""

    class Silent(MarketDataSource):
        name, price_basis = f"silent-{source.name}", source.price_basis

        def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
            for answer in source.fetch(requests):
                yield replace(answer, bars=answer.bars.filter(~pl.col("date").is_in(days)))

    return Silent()


def scaled(source: MarketDataSource, factor: float, name: str = "other") -> MarketDataSource:
    """The source, telling other prices."""

    class Scaled(MarketDataSource):
        price_basis = source.price_basis

        def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
            for answer in source.fetch(requests):
                yield replace(answer, bars=answer.bars.with_columns(pl.col(*PRICE_COLUMNS) * factor))

    Scaled.name = name
    return Scaled()


def ingested(engine: sa.Engine, source: MarketDataSource, through: date = date(2024, 1, 31)) -> IngestOutcome:
    now = datetime(2024, 2, 1, 23, tzinfo=UTC)
    (outcome,) = ingest(engine, source, ["A"], since=START, through=through, now=now)
    return outcome


def sources_of(engine: sa.Engine) -> dict[str, list[date]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT source, date FROM market_data_daily ORDER BY date")).all()
    return {source: [day for told, day in rows if told == source] for source in {row.source for row in rows}}


LEFT_OUT = [date(2024, 1, 10), date(2024, 1, 11), date(2024, 1, 31)]


def test_sessions_that_a_vendor_leaves_out_without_a_word_are_named(engine: sa.Engine) -> None:
    outcome = ingested(engine, without(MARKET, LEFT_OUT))
    assert outcome.state == "incomplete"
    assert "3 sessions have neither a bar nor a recorded halt: 2024-01-10, 2024-01-11, 2024-01-31" in outcome.message


def test_sessions_that_the_first_leaves_out_come_from_the_next_and_say_so(engine: sa.Engine) -> None:
    outcome = ingested(engine, ChainSource([without(MARKET, LEFT_OUT), MARKET]))
    assert (outcome.state, outcome.message) == ("ok", "")
    stored = sources_of(engine)
    assert stored["simulated"] == LEFT_OUT
    assert len(stored["silent-simulated"]) == 18
    (alone,) = MARKET.fetch([BarRequest("A", START, END)])
    assert reads.bars(engine, ["A"]).equals(alone.bars)


def test_a_ticker_that_the_next_served_says_who_did_not(engine: sa.Engine) -> None:
    outcome = ingested(engine, ChainSource([Gone(), MARKET]))
    assert (outcome.state, outcome.source, outcome.message) == ("ok", "simulated", "gone: the key was refused")


def test_only_what_is_missing_is_asked_of_the_next(tmp_path: Path) -> None:
    class Counting(MarketDataSource):
        name, price_basis = "counting", MARKET.price_basis
        asked: ClassVar[list[BarRequest]] = []

        def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
            self.asked.extend(requests)
            return MARKET.fetch(requests)

    answers = fetched(ChainSource([without(MARKET, LEFT_OUT[:2]), Counting()]), "A", "B")
    assert {one.bars.height for one in answers.values()} == {21}
    around = (date(2024, 1, 3), date(2024, 1, 20))
    assert Counting.asked == [BarRequest("A", *around), BarRequest("B", *around)]


@pytest.mark.parametrize(("factor", "told"), [(1.02, "other prices on 5 of 5 days around"), (0.25, "other prices")])
def test_a_vendor_with_other_prices_fills_nothing_and_is_named(engine: sa.Engine, factor: float, told: str) -> None:
    outcome = ingested(engine, ChainSource([without(MARKET, LEFT_OUT[2:]), scaled(MARKET, factor)]))
    assert outcome.state == "incomplete"
    assert f"other has 2024-01-31, but {told}" in outcome.message
    assert "the two are not mixed" in outcome.message
    assert list(sources_of(engine)) == ["silent-simulated"]


def test_adjusted_prices_are_not_mixed_where_the_vendors_know_other_splits() -> None:
    def adjusted_source(name: str, splits: list[tuple[str, date, str, float]], left_out: Sequence[date]) -> TickerBars:
        (answer,) = MARKET.fetch([BarRequest("A", START, END)])
        actions = pl.DataFrame(splits, schema=ACTIONS_SCHEMA, orient="row")
        bars = answer.bars.filter(~pl.col("date").is_in(left_out))
        return replace(answer, bars=bars, actions=actions, source=name)

    split = ("A", date(2024, 1, 22), "split", 2.0)
    first = adjusted_source("one", [split], LEFT_OUT[:1])
    found = gap(BarRequest("A", START, END), first)
    assert found is not None
    unaware = filled(first, found, adjusted_source("two", [], []), "split_adjusted")
    assert "two has 2024-01-10, but other splits since 2024-01-10" in unaware.note
    agreeing = filled(first, found, adjusted_source("two", [split], []), "split_adjusted")
    assert (agreeing.note, agreeing.bars.height) == ("", 21)


def test_too_few_common_days_prove_nothing() -> None:
    first = without(MARKET, sessions_between(date(2024, 1, 4), END))
    (answer,) = ChainSource([first, MARKET]).fetch([BarRequest("A", START, END)])
    assert answer.bars.height == 2
    assert "only 2 days to compare the two by" in answer.note


def test_another_vendor_adds_to_a_series_and_rewrites_nothing_of_it(engine: sa.Engine) -> None:
    ingested(engine, ChainSource([MARKET, Gone()]), date(2024, 1, 30))
    nearly = scaled(MARKET, 1.0000001, "gone")  # rounded otherwise: the same prices
    assert ingested(engine, ChainSource([nearly, MARKET])).state == "ok"
    assert sources_of(engine)["gone"] == [date(2024, 1, 31)]


def test_another_vendor_with_other_prices_is_refused_by_name_and_the_series_stays(engine: sa.Engine) -> None:
    ingested(engine, ChainSource([MARKET, Gone()]), date(2024, 1, 30))
    before = reads.bars(engine, ["A"])
    outcome = ingested(engine, ChainSource([scaled(MARKET, 1.01, "gone"), MARKET]))
    assert outcome.state == "failed"
    assert "gone has other prices than simulated, which served it before, on 11 of 11 days" in outcome.message
    assert reads.bars(engine, ["A"]).equals(before)


def test_tickers_that_no_source_knows_are_gone(tmp_path: Path) -> None:
    assert fetched(ChainSource([MARKET, folder(tmp_path)]), "D")["D"].gone
    assert not fetched(ChainSource([MARKET, Gone()]), "D")["D"].gone
