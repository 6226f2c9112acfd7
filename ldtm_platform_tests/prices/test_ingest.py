"""Ingest into a real database: incremental, idempotent, safe to kill, and one ticker's trouble stays its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.prices.ingest import ingest
from ldtm_platform.prices.outcome import IngestOutcome
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import BarRequest, MarketDataSource, TickerBars
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.sources.sample import SampleSource
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.warehouse import reads

NOW = datetime(2026, 1, 5, 23, tzinfo=UTC)
START, THROUGH = date(2023, 1, 3), date(2023, 12, 29)
SECTORS = {f"S{at}": "chips" if at % 2 else "food" for at in range(6)}
SESSIONS = sessions_between(START, THROUGH + timedelta(days=1))
MARKET = SimulatedSource(seed=5, sectors=SECTORS, start=START)


class Recorder(MarketDataSource):
    """A source that notes what is asked of another."""

    def __init__(self, inner: MarketDataSource) -> None:
        self.name, self.price_basis, self.inner = inner.name, inner.price_basis, inner
        self.asked: list[BarRequest] = []

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        self.asked += requests
        return self.inner.fetch(requests)


def run(
    engine: sa.Engine, source: MarketDataSource, *tickers: str, since: date = START, through: date = THROUGH
) -> dict[str, IngestOutcome]:
    outcomes = ingest(engine, source, tickers, since=since, through=through, now=NOW)
    return {outcome.ticker: outcome for outcome in outcomes}


def table(engine: sa.Engine, name: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(f"SELECT * FROM {name} ORDER BY 1, 2, 3"))]


def simulated(ticker: str = "S0") -> TickerBars:
    (answer,) = MARKET.fetch([BarRequest(ticker, START, THROUGH + timedelta(days=1))])
    return answer


def folder(path: Path, frame: pl.DataFrame, **basis: str) -> FolderSource:
    frame.write_parquet(path / "prices.parquet")
    return FolderSource(path, **basis)  # type: ignore[arg-type]


def test_everything_is_stored_as_the_source_sends_it(engine: sa.Engine) -> None:
    outcomes = run(engine, MARKET, *SECTORS)
    sent = pl.concat([simulated(ticker).bars for ticker in SECTORS]).sort("ticker", "date")
    assert reads.bars(engine, list(SECTORS)).equals(sent)
    assert {outcome.state for outcome in outcomes.values()} == {"ok"}
    assert outcomes["S0"].rows_new == outcomes["S0"].rows == simulated().bars.height
    assert (outcomes["S0"].first_date, outcomes["S0"].last_date) == (SESSIONS[0], SESSIONS[-1])


def test_a_second_run_asks_for_the_overlap_only_and_touches_nothing(engine: sa.Engine) -> None:
    run(engine, MARKET, *SECTORS)
    before = table(engine, "market_data_daily, LATERAL (SELECT market_data_daily.xmin::text) AS version")
    source = Recorder(MARKET)
    outcomes = run(engine, source, *SECTORS)
    days = simulated().bars["date"].to_list()
    assert source.asked[0] == BarRequest("S0", days[-11], THROUGH + timedelta(days=1))
    assert sum(outcome.rows_new + outcome.rows_changed + outcome.splits for outcome in outcomes.values()) == 0
    assert table(engine, "market_data_daily, LATERAL (SELECT market_data_daily.xmin::text) AS version") == before


def test_day_by_day_gives_the_same_rows_as_all_at_once(engine: sa.Engine) -> None:
    for day in (SESSIONS[0], *SESSIONS[100:110], SESSIONS[-1]):
        run(engine, MARKET, "S1", through=day)
    assert reads.bars(engine, ["S1"]).equals(simulated("S1").bars)


def test_a_missing_session_is_named_and_asked_for_again(engine: sa.Engine, tmp_path: Path) -> None:
    bars = simulated().bars
    gap = bars["date"][40]
    holed = folder(tmp_path, bars.filter(pl.col("date") != gap), price_basis="raw")
    outcome = run(engine, holed, "S0")["S0"]
    assert outcome.state == "incomplete"
    assert outcome.message == f"1 session has neither a bar nor a recorded halt: {gap}"
    source = Recorder(folder(tmp_path, bars, price_basis="raw"))
    outcome = run(engine, source, "S0")["S0"]
    assert source.asked[0].start == gap
    assert (outcome.state, outcome.rows_new) == ("ok", 1)


def test_a_halted_session_is_not_missing(engine: sa.Engine) -> None:
    halted = SimulatedSource(seed=3, sectors={f"H{at}": "chips" for at in range(12)}, start=START)
    names = [f"H{at}" for at in range(12)]
    outcomes = run(engine, halted, *names)
    assert {outcome.state for outcome in outcomes.values()} == {"ok"}
    assert reads.actions(engine, names).filter(kind="halt").height > 0
    assert min(outcome.rows for outcome in outcomes.values()) < len(SESSIONS)


def test_a_ticker_without_bars_is_no_data_and_an_unknown_one_failed(engine: sa.Engine) -> None:
    source = SimulatedSource(seed=5, sectors=SECTORS | {"ARM": "chips", "SNDK": "chips"}, start=START)
    outcomes = run(engine, source, "SNDK", "NOPE", "S0")
    assert outcomes["SNDK"].state == "no_data"
    assert outcomes["NOPE"].state == "failed"
    assert outcomes["S0"].state == "ok"
    states = reads.ingest_states(engine).select("ticker", "state").rows()
    assert states == [("NOPE", "failed"), ("S0", "ok"), ("SNDK", "no_data")]


def test_dirty_rows_go_to_quarantine_once_with_their_reason(engine: sa.Engine, tmp_path: Path) -> None:
    bars = simulated().bars
    dirty = pl.col("date") == bars["date"][-1]
    source = folder(
        tmp_path,
        bars.with_columns(pl.when(dirty).then(0.0).otherwise("low").alias("low")),
        price_basis="raw",
    )
    for _ in range(2):
        outcome = run(engine, source, "S0")["S0"]
        assert (outcome.state, outcome.rows_quarantined, outcome.rows) == ("incomplete", 1, bars.height - 1)
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT ticker, date, reason, seen_count FROM market_data_quarantine")).one()
    assert tuple(row) == ("S0", bars["date"][-1], "low is not above zero", 2)


def test_a_series_is_not_continued_on_another_basis(engine: sa.Engine, tmp_path: Path) -> None:
    run(engine, MARKET, "S0")
    source = folder(tmp_path, simulated("S1").bars.vstack(simulated().bars))
    outcomes = run(engine, source, "S0", "S1")
    assert outcomes["S0"].state == "failed"
    assert "its bars came from simulated (raw), and folder sends split_adjusted" in outcomes["S0"].message
    assert outcomes["S1"].rows_new == simulated("S1").bars.height
    # The guard outlives the failure.
    assert run(engine, source, "S0")["S0"].state == "failed"
    assert run(engine, MARKET, "S0")["S0"].state == "ok"


def test_a_range_that_ends_before_it_begins_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(ValueError, match="nothing to ingest"):
        run(engine, MARKET, "S0", since=THROUGH, through=START)


@pytest.mark.parametrize("named", [True, False])
def test_day_by_day_through_a_split_ends_on_the_truth(engine: sa.Engine, tmp_path: Path, named: bool) -> None:
    """A vendor that rewrites its history in cents on the day of a split, naming the split or keeping silent."""
    ex_date = SESSIONS[150]
    split = pl.DataFrame({"ticker": ["S0"], "ex_date": [ex_date], "value": [4.0]})
    divisor = pl.when(pl.col("date") >= ex_date).then(4.0).otherwise(1.0)
    prices = pl.col("open", "high", "low", "close")
    truth = simulated().bars.with_columns((prices / divisor).round(2), (pl.col("volume") * divisor).cast(pl.Int64))
    for day in (SESSIONS[140], *SESSIONS[146:154]):
        sent = adjusted(truth, split, day).with_columns(prices.round(2))
        done = pl.when(pl.col("date") == ex_date).then(4.0).otherwise(0.0)
        sent = sent.with_columns(stock_splits=done if named else 0.0)
        outcome = run(engine, folder(tmp_path, sent), "S0", through=day)["S0"]
        assert outcome.state == "ok"
        assert outcome.rows_changed == 0
    stored = reads.bars(engine, ["S0"])
    assert stored["close"].to_list() == pytest.approx(truth["close"].to_list()[: stored.height], abs=0.021)
    assert reads.splits(engine, ["S0"]).rows() == [("S0", ex_date, 4.0)]
    assert table(engine, "market_data_revisions") == []


def test_actions_added_later_put_the_stored_history_right(engine: sa.Engine, tmp_path: Path) -> None:
    bars, ex_date = simulated().bars, SESSIONS[150]
    assert run(engine, folder(tmp_path, bars), "S0")["S0"].splits == 0
    (tmp_path / "actions.csv").write_text(f"ticker,ex_date,kind,value\nS0,{ex_date},split,4\n")
    outcome = run(engine, FolderSource(tmp_path), "S0")["S0"]
    assert (outcome.state, outcome.splits, outcome.rows_changed) == ("ok", 1, 150)
    as_of = adjusted(reads.bars(engine, ["S0"]), reads.splits(engine, ["S0"]), THROUGH)
    assert as_of["close"].to_list() == bars["close"].to_list()


def test_an_older_download_over_a_newer_one_is_refused_by_name(engine: sa.Engine, shared_data: Path) -> None:
    since, through = date(2020, 1, 1), date(2025, 12, 31)
    run(engine, FolderSource(shared_data / "daily.parquet"), "NVDA", "AAPL", since=since, through=through)
    before = table(engine, "market_data_daily")
    older = FolderSource(shared_data / "daily_with_actions_2020_2023.parquet")
    outcomes = run(engine, older, "NVDA", "AAPL", since=since, through=through)
    assert outcomes["NVDA"].state == "failed"
    assert "an older download" in outcomes["NVDA"].message
    # Apple has not split since: its older download only names the split of 2020, and the 167 bars before it become raw;
    # 29 volumes after it were corrected between the two downloads.
    assert (outcomes["AAPL"].state, outcomes["AAPL"].splits, outcomes["AAPL"].rows_changed) == ("ok", 1, 167 + 29)
    assert [row for row in table(engine, "market_data_daily") if row[0] == "NVDA"] == [
        row for row in before if row[0] == "NVDA"
    ]


def test_the_sample_is_stored_raw_with_its_actions(engine: sa.Engine) -> None:
    outcome = run(engine, SampleSource(), "AAPL", since=date(2000, 1, 1), through=date(2013, 3, 1))["AAPL"]
    assert (outcome.state, outcome.rows, outcome.splits) == ("ok", 3270, 2)
    assert reads.bars(engine, ["AAPL"]).filter(date=date(2005, 2, 25))["close"].item() == 88.99


def test_really_rewritten_histories_are_told_apart_and_recorded(engine: sa.Engine, shared_data: Path) -> None:
    older = FolderSource(shared_data / "daily_with_actions_2020_2023.parquet")
    names = ("NVDA", "ORLY", "CTAS", "AAPL", "META", "PEP")
    since = date(2020, 1, 1)
    run(engine, older, *names, since=since, through=date(2023, 12, 29))
    before = reads.bars(engine, names)
    outcomes = run(engine, FolderSource(shared_data / "daily.parquet"), *names, since=since, through=date(2025, 12, 31))
    assert {outcome.state for outcome in outcomes.values()} == {"ok"}
    assert {ticker: outcome.splits for ticker, outcome in outcomes.items()} == {
        **dict.fromkeys(("NVDA", "ORLY", "CTAS"), 1),
        **dict.fromkeys(("AAPL", "META", "PEP"), 0),
    }
    detected = [row[:4] for row in table(engine, "corporate_actions") if row[5]]
    assert detected == [
        ("CTAS", date(2024, 1, 2), "split", 4.0),
        ("NVDA", date(2024, 1, 2), "split", 10.0),
        ("ORLY", date(2024, 1, 2), "split", 15.0),
    ]
    # Stored prices stand; corrected volumes are recorded with the value before.
    after = reads.bars(engine, names).filter(pl.col("date") <= date(2023, 12, 29))
    assert after.drop("volume").equals(before.drop("volume"))
    assert sum(outcome.rows_changed for outcome in outcomes.values()) == len(table(engine, "market_data_revisions")) > 0
    series = adjusted(reads.bars(engine, ["NVDA"]), reads.splits(engine, ["NVDA"]), date(2025, 12, 31))
    assert series["close"].log().diff().abs().max() < 0.25  # type: ignore[operator]


KILLED = """
import sys
from datetime import UTC, date, datetime
import sqlalchemy as sa
from ldtm_platform.prices.ingest import ingest
from ldtm_platform.sources.simulated import SimulatedSource
url, names = sys.argv[1], sys.argv[2].split(",")
source = SimulatedSource(seed=5, sectors=dict.fromkeys(names, "chips"), start=date(2023, 1, 3))
outcomes = ingest(sa.create_engine(url), source, names, since=date(2023, 1, 3), through=date(2023, 12, 29),
                  now=datetime(2026, 1, 5, 23, tzinfo=UTC))
for outcome in outcomes:
    print(outcome.ticker, flush=True)
"""


def test_killed_half_way_and_run_again_is_as_if_never_killed(engine: sa.Engine, database_url: str) -> None:
    names = [f"K{at}" for at in range(8)]
    command = [sys.executable, "-c", KILLED, database_url, ",".join(names)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(3):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    stored = reads.bars(engine, names)
    assert stored["ticker"].n_unique() >= 3
    source = SimulatedSource(seed=5, sectors=dict.fromkeys(names, "chips"), start=START)
    run(engine, source, *names)
    sent = source.fetch([BarRequest(name, START, THROUGH + timedelta(days=1)) for name in names])
    assert reads.bars(engine, names).equals(pl.concat([answer.bars for answer in sent]))
    assert reads.ingest_states(engine)["state"].unique().to_list() == ["ok"]
