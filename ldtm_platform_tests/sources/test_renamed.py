"""One series under the present name, whichever name the vendor uses; and rows of a former name say so."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from ldtm_platform.prices.ingest import ingest
from ldtm_platform.renames import Rename
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import (
    ACTIONS_SCHEMA,
    BarRequest,
    MarketDataSource,
    PriceBasis,
    TickerBars,
    no_actions,
    no_answer,
)
from ldtm_platform.sources.chain import ChainSource
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.sources.renamed import RenamedSource
from ldtm_platform.sources.sample import SampleSource
from ldtm_platform.universe import load_universe
from ldtm_platform_tests.warehouse.rows import query

CHANGE = date(2024, 1, 17)
START, END = date(2024, 1, 2), date(2024, 2, 1)
RENAMES = (Rename("OLD", "NEW", CHANGE, "NEW"),)
NOW = datetime(2026, 1, 5, 23, tzinfo=UTC)


def bars(ticker: str, start: date = START, end: date = END, price: float = 10.0) -> pl.DataFrame:
    """A bar a session; prices go by the day alone."""
    days = sessions_between(start, end)
    closes = [price + (day - START).days / 100 for day in days]
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    return pl.DataFrame({"ticker": [ticker] * len(days), "date": days, **prices, "volume": [100] * len(days)})


class Names(MarketDataSource):
    """A vendor that has these bars under these names, and keeps what it was asked."""

    name = "acme"

    def __init__(self, told: Mapping[str, pl.DataFrame], basis: PriceBasis = "raw", *, rereads: bool = False) -> None:
        self._told, self.price_basis, self.rereads_history = told, basis, rereads
        self.asked: list[BarRequest] = []

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        self.asked += requests
        for request in requests:
            rows = self._told.get(request.ticker)
            if rows is None:
                yield no_answer(request.ticker, f"{request.ticker} is unknown", gone=True)
            else:
                in_range = pl.col("date").is_between(request.start, request.end, closed="left")
                yield TickerBars(request.ticker, rows.filter(in_range), no_actions())


def answer(source: MarketDataSource, start: date = START, end: date = END) -> TickerBars:
    (only,) = RenamedSource(source, RENAMES).fetch([BarRequest("NEW", start, end)])
    return only


def test_the_samples_facebook_is_metas_past(engine: sa.Engine) -> None:
    source = RenamedSource(SampleSource(), load_universe().renames)
    since, through = date(2013, 1, 2), date(2013, 3, 1)
    (outcome,) = ingest(engine, source, ["META"], since=since, through=through, now=NOW)
    assert (outcome.state, outcome.rows) == ("ok", 41)
    stored = query(engine, "SELECT DISTINCT ticker, source FROM market_data_daily")
    assert stored == [{"ticker": "META", "source": "sample:FB"}]
    assert query(engine, "SELECT source FROM market_data_status") == [{"source": "sample"}]


def test_a_vendor_that_left_the_old_days_under_the_old_name_gives_one_series() -> None:
    source = Names({"OLD": bars("OLD", END - timedelta(days=400)), "NEW": bars("NEW", CHANGE)})
    joined = answer(source)
    assert joined.bars["date"].to_list() == sessions_between(START, END)
    assert joined.bars["ticker"].unique().to_list() == ["NEW"]
    assert joined.rows is not None
    assert joined.rows["date"].to_list() == sessions_between(START, CHANGE)
    assert joined.rows["source"].unique().to_list() == ["acme:OLD"]
    # The old name is nobody's, or another's, from the change on.
    assert source.asked[1] == BarRequest("OLD", START, CHANGE)


def test_a_vendor_that_carries_all_under_the_new_name_is_not_asked_for_the_old() -> None:
    source = Names({"NEW": bars("NEW"), "OLD": bars("OLD", price=99.0)})
    assert answer(source).rows is None
    assert [request.ticker for request in source.asked] == ["NEW"]


def test_after_the_change_only_the_new_name_is_asked() -> None:
    source = Names({"NEW": bars("NEW"), "OLD": bars("OLD")})
    answer(source, CHANGE)
    assert [request.ticker for request in source.asked] == ["NEW"]


def test_before_the_vendor_has_changed_the_name_the_old_one_answers() -> None:
    joined = answer(Names({"OLD": bars("OLD")}), end=CHANGE)
    assert (joined.error, joined.gone, joined.bars.height) == (None, False, len(sessions_between(START, CHANGE)))


def test_rows_of_both_names_are_one_where_they_agree_and_refused_where_they_do_not() -> None:
    agreeing = Names({"OLD": bars("OLD"), "NEW": bars("NEW", date(2024, 1, 8))}, rereads=True)
    joined = answer(agreeing)
    assert joined.bars["date"].sort().to_list() == sessions_between(START, END)
    assert joined.rows is not None
    assert joined.rows["date"].to_list() == sessions_between(START, date(2024, 1, 8))
    other = Names({"OLD": bars("OLD", price=40.0), "NEW": bars("NEW", date(2024, 1, 8))}, rereads=True)
    assert "OLD, its former name, has other prices on 6 of 6 days" in (answer(other).error or "")


def test_a_name_that_nobody_knows_is_an_error() -> None:
    nothing = answer(Names({}))
    assert (nothing.error, nothing.gone) == ("NEW is unknown", True)


def test_actions_of_both_names_are_kept() -> None:
    class WithSplit(Names):
        def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
            for one in super().fetch(requests):
                rows = [(one.ticker, date(2024, 1, 5), "split", 2.0)]
                yield TickerBars(one.ticker, one.bars, pl.DataFrame(rows, schema=ACTIONS_SCHEMA, orient="row"))

    joined = answer(WithSplit({"OLD": bars("OLD"), "NEW": bars("NEW", CHANGE)}))
    assert joined.actions.rows() == [("NEW", date(2024, 1, 5), "split", 2.0)]


def test_files_of_both_names_are_one_series_and_a_chain_passes_on_whose_rows_they_are(
    engine: sa.Engine, tmp_path: Path
) -> None:
    bars("OLD", end=CHANGE).drop("ticker").write_csv(tmp_path / "OLD.csv")
    bars("NEW", CHANGE).drop("ticker").write_csv(tmp_path / "NEW.csv")
    folder = RenamedSource(FolderSource(tmp_path, price_basis="raw"), RENAMES)
    chain = ChainSource([RenamedSource(Names({}), RENAMES), folder])
    (outcome,) = ingest(engine, chain, ["NEW"], since=START, through=date(2024, 1, 31), now=NOW)
    assert outcome.state == "ok", outcome.message
    told = "SELECT source, count(*) AS rows FROM market_data_daily WHERE ticker = 'NEW' GROUP BY source ORDER BY 1"
    assert query(engine, told) == [{"source": "folder", "rows": 11}, {"source": "folder:OLD", "rows": 10}]


def test_trouble_with_the_new_name_is_not_hidden_by_the_old() -> None:
    class Down(Names):
        def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
            for one in super().fetch(requests):
                yield no_answer("NEW", "no answer in time") if one.ticker == "NEW" else one

    assert answer(Down({"OLD": bars("OLD"), "NEW": bars("NEW")})).error == "no answer in time"
