"""What an ingest refuses, and that a refusal or an error is one ticker's own."""

from pathlib import Path

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.prices.test_ingest import (
    MARKET,
    SECTORS,
    SESSIONS,
    START,
    THROUGH,
    Recorder,
    folder,
    run,
    simulated,
    table,
)


def test_a_series_is_not_continued_from_another_source_of_the_same_basis(engine: sa.Engine, tmp_path: Path) -> None:
    source = folder(tmp_path, simulated().bars.with_columns(pl.col("volume") + 5), price_basis="raw")
    run(engine, source, "S0")
    before = table(engine, "market_data_daily")
    for _ in range(2):  # the guard outlives the failure
        outcome = run(engine, MARKET, "S0")["S0"]
        assert (outcome.state, outcome.rows_changed, outcome.rows) == ("failed", 0, len(before))
        assert "its bars came from folder (raw), and simulated sends raw prices" in outcome.message
        assert "Go on with the former source (LDTM_SOURCE, LDTM_PRICE_BASIS)" in outcome.message
    assert table(engine, "market_data_daily") == before
    assert table(engine, "market_data_revisions") == []
    assert run(engine, source, "S0")["S0"].state == "ok"


def test_the_same_source_may_not_change_its_basis(engine: sa.Engine, tmp_path: Path) -> None:
    run(engine, folder(tmp_path, simulated().bars, price_basis="raw"), "S0")
    outcome = run(engine, FolderSource(tmp_path), "S0")["S0"]
    assert outcome.state == "failed"
    assert "from folder (raw), and folder sends split_adjusted" in outcome.message


def test_a_ticker_without_bars_may_change_its_source(engine: sa.Engine, tmp_path: Path) -> None:
    late = SimulatedSource(seed=5, sectors={"SNDK": "chips"}, start=START)
    assert run(engine, late, "SNDK")["SNDK"].state == "no_data"
    bars = simulated().bars.with_columns(ticker=pl.lit("SNDK"))
    assert run(engine, folder(tmp_path, bars), "SNDK")["SNDK"].state == "ok"


def test_raw_prices_of_another_market_store_nothing_though_only_the_overlap_was_asked_for(engine: sa.Engine) -> None:
    run(engine, MARKET, *SECTORS)
    before = table(engine, "market_data_daily")
    source = Recorder(SimulatedSource(seed=6, sectors=SECTORS, start=START))
    outcome = run(engine, source, "S0")["S0"]
    assert source.asked[0].start > SESSIONS[-20]
    assert outcome.state == "failed"
    assert "raw prices are not rewritten like that. Nothing was stored" in outcome.message
    assert table(engine, "market_data_daily") == before
    assert table(engine, "market_data_revisions") == []


@pytest.mark.parametrize("basis", ["raw", "split_adjusted"])
def test_a_split_put_on_the_wrong_day_and_corrected_leaves_no_trace_but_revisions(
    engine: sa.Engine, tmp_path: Path, basis: str
) -> None:
    right, wrong = SESSIONS[150], SESSIONS[140]
    source, bars = folder(tmp_path, simulated().bars, price_basis=basis), simulated().bars
    for day in (wrong, right):
        (tmp_path / "actions.csv").write_text(f"ticker,ex_date,kind,value\nS0,{day},split,4\n")
        outcome = run(engine, source, "S0")["S0"]
        assert (outcome.state, outcome.splits) == ("ok", 1)
    assert outcome.rows_changed == (10 if basis == "split_adjusted" else 0)
    assert reads.splits(engine, ["S0"]).rows() == [("S0", right, 4.0)]
    stored = reads.bars(engine, ["S0"])
    if basis == "split_adjusted":
        stored = adjusted(stored, reads.splits(engine, ["S0"]), THROUGH)
    assert stored["close"].to_list() == bars["close"].to_list()
    again = run(engine, source, "S0")["S0"]
    assert (again.rows_changed, again.splits) == (0, 0)
    # A later download that names no split at all leaves it on file.
    (tmp_path / "actions.csv").unlink()
    assert run(engine, source, "S0")["S0"].state == "ok"
    assert reads.splits(engine, ["S0"]).height == 1


def test_actions_that_cannot_be_used_are_quarantined_with_their_reason(engine: sa.Engine, tmp_path: Path) -> None:
    source = folder(tmp_path, simulated().bars, price_basis="raw")
    day = SESSIONS[150]
    rows = f"S0,{day},split,4\nS0,{day},split,5\nS0,01.02.2023,split,2\n"
    (tmp_path / "actions.csv").write_text("ticker,ex_date,kind,value\n" + rows)
    outcome = run(engine, source, "S0")["S0"]
    assert (outcome.state, outcome.splits, outcome.rows_quarantined) == ("ok", 0, 3)
    assert reads.quarantined(engine).select("ticker", "reason", "rows").sort("rows").rows() == [
        ("S0", "the action has no date", 1),
        ("S0", "another action of the same kind and day says otherwise", 2),
    ]


def test_a_cell_with_a_nul_is_quarantined_like_any_other(engine: sa.Engine, tmp_path: Path) -> None:
    bars = simulated().bars
    close = pl.when(pl.col("date") == SESSIONS[-1]).then(pl.lit("1\0")).otherwise(pl.col("close").cast(pl.String))
    outcome = run(engine, folder(tmp_path, bars.with_columns(close=close), price_basis="raw"), "S0")["S0"]
    assert (outcome.state, outcome.rows_quarantined, outcome.rows) == ("incomplete", 1, bars.height - 1)


def test_an_error_of_the_database_over_one_ticker_leaves_the_others_alone(database_url: str, engine: sa.Engine) -> None:
    impatient = sa.create_engine(database_url, connect_args={"options": "-c lock_timeout=200ms"})
    rows = simulated("S1").bars.head(1).row(0)
    with psycopg.connect(database_url.replace("+psycopg", "")) as other:
        # Not committed: whoever writes the same bar has to wait.
        other.execute("INSERT INTO market_data_daily VALUES (%s, %s, %s, %s, %s, %s, %s, 'x', now())", rows)
        outcomes = run(impatient, MARKET, "S0", "S1", "S2")
        other.rollback()
    impatient.dispose()
    assert {ticker: outcome.state for ticker, outcome in outcomes.items()} == {"S0": "ok", "S1": "failed", "S2": "ok"}
    assert outcomes["S1"].message.startswith("it could not be stored (LockNotAvailable: canceling statement")
    assert run(engine, MARKET, "S1")["S1"].state == "ok"
