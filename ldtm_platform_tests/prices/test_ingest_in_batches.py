"""Ingest takes a universe batch by batch: nothing comes out otherwise, and no more than a batch is asked for ahead."""

from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection
from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.prices.ingest import ingest
from ldtm_platform_tests.prices.test_ingest import NOW, SECTORS, SESSIONS, START, THROUGH, run, simulated
from ldtm_platform_tests.prices.test_ingest_defects import Vendor, in_another_unit
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.tables import contents
from ldtm_platform_tests.warehouse.rows import query

SPLIT_DAY, RESTATED = SESSIONS[150], SESSIONS[-4]
NAMES = ("WAS1", "END4", "S0", "S1", "RAW", "S2", "S3", "S4", "TWIN")
LEFT = {
    "market_data_status": "SELECT ticker, state, message, rows, first_date, last_date FROM {} ORDER BY 1",
    "market_data_quarantine": "SELECT ticker, date, reason, seen_count FROM {} ORDER BY 1, 2, 3",
}


def bars(source: str, ticker: str | None = None) -> pl.DataFrame:
    return simulated(source).bars.with_columns(ticker=pl.lit(ticker or source))


def troubled(restated: int = 0) -> Vendor:
    """Splits, twins, repairs and ends of a universe, its prices adjusted: what one ticker is depends on others.

    TWIN is S0 under another name, without its split; WAS1 is what S1 was until it ended under that name.
    """
    split = pl.DataFrame({"ticker": ["S0"], "ex_date": [SPLIT_DAY], "kind": ["split"], "value": [4.0]})
    halts = [simulated(ticker).actions for ticker in SECTORS]
    times = pl.when(pl.col("date") < SPLIT_DAY).then(1).otherwise(4)
    traded = bars("S0").with_columns(pl.col("open", "high", "low", "close") / times, pl.col("volume") * times)
    owner = adjusted(traded, split, THROUGH).with_columns(pl.col("volume").cast(pl.Int64))
    late = pl.when(pl.col("date") == RESTATED).then(restated).otherwise(0)
    return Vendor(
        owner,
        owner.with_columns(ticker=pl.lit("TWIN")),
        bars("S1"),
        bars("S1", "WAS1").filter(pl.col("date") < SESSIONS[120]),
        in_another_unit(bars("S2"), [SESSIONS[77]]),
        bars("S3").with_columns(pl.col("volume") + late),
        bars("S4"),
        bars("S4", "END4").filter(pl.col("date") < SESSIONS[90]).with_columns(pl.col("volume") + 7),
        bars("S5", "RAW"),
        actions=pl.concat([split, *halts, halts[0].with_columns(ticker=pl.lit("TWIN"))]),
        basis="split_adjusted",
    )


def left_by(engine: sa.Engine) -> dict[str, Any]:
    """What three evenings of the universe leave behind; from the second on, one day is sent otherwise."""
    run(engine, Vendor(bars("S5", "RAW")), "RAW", through=SESSIONS[200])
    outcomes = [
        run(engine, vendor, *NAMES, through=through)
        for vendor, through in ((troubled(), SESSIONS[-3]), (troubled(10**8), SESSIONS[-2]), (troubled(10**8), THROUGH))
    ]
    tables = ("market_data_daily", "corporate_actions", "market_data_revisions", "market_data_repairs")
    left: dict[str, Any] = {table: contents(engine, table) for table in tables}
    left |= {table: query(engine, statement.format(table)) for table, statement in LEFT.items()}
    return left | {"outcomes": outcomes}


def test_many_batches_leave_what_one_leaves(
    engine: sa.Engine, server: Connection, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = left_by(engine)
    assert at_once["outcomes"][0]["TWIN"].state == "no_data"
    states = {row["ticker"]: row["state"] for row in at_once["market_data_status"]}
    fine = dict.fromkeys(("S0", "S1", "S2", "S3", "S4"), "ok")
    assert states == fine | {"TWIN": "incomplete", "WAS1": "no_data", "END4": "delisted", "RAW": "failed"}
    assert len(at_once["market_data_revisions"]) == len(at_once["market_data_repairs"]) == 1
    for size in (1, 2):
        monkeypatch.setattr("ldtm_platform.batches.BATCH_TICKERS", size)
        with scratch_database(server, template) as url:
            apart = sa.create_engine(url)
            assert left_by(apart) == at_once
            apart.dispose()


def test_what_was_stored_of_a_ticker_before_this_ingest_restated_it_is_still_its_own(engine: sa.Engine) -> None:
    sent = bars("S3")
    run(engine, Vendor(sent), "S3")
    late = pl.when(pl.col("date") == RESTATED).then(10**8).otherwise(0)
    outcomes = run(engine, Vendor(sent.with_columns(pl.col("volume") + late), bars("S3", "TWIN")), "S3", "TWIN")
    assert outcomes["S3"].rows_changed == 1
    assert (outcomes["TWIN"].state, outcomes["TWIN"].rows_quarantined) == ("no_data", sent.height)


def test_a_batch_is_asked_for_when_it_is_due(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldtm_platform.batches.BATCH_TICKERS", 2)
    vendor = Vendor(*(bars(ticker) for ticker in SECTORS))
    outcomes = ingest(engine, vendor, list(SECTORS), since=START, through=THROUGH, now=NOW)
    next(outcomes)
    assert [request.ticker for request in vendor.asked] == ["S0", "S1"]
    assert len(list(outcomes)) == len(SECTORS) - 1
