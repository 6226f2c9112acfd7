"""A rename in the middle of a stored history: everything goes on under the present name, once, whole and recorded."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.carried_over import carry_over
from ldtm_platform.renames import Rename
from ldtm_platform.sources.base import BarRequest, MarketDataSource, TickerBars
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.stages.features import engineer_tickers
from ldtm_platform.stages.market_data import ingest_tickers
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.fillback import fill_back
from ldtm_platform_tests.warehouse.rows import WEDNESDAY, query, store_action, store_bars, store_snapshot

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RENAMES = (Rename("OLD", "NEW", date(2026, 4, 23), "NEW"),)
BEFORE = {date(2026, 4, 21): 99.0, WEDNESDAY: 100.0}
THURSDAY, MONDAY = date(2026, 4, 23), date(2026, 4, 27)
START = date(2024, 1, 2)
MARKET = SimulatedSource(seed=2, sectors={"OLD": "x", "NEW": "x", "STAY": "x"}, start=START, listings={})


class Called(MarketDataSource):
    """What was OLD is NEW now."""

    name, price_basis = "simulated", "raw"

    def __init__(self, market: SimulatedSource) -> None:
        self._market = market

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        now = pl.lit("NEW").alias("ticker")
        for answer in self._market.fetch([replace(request, ticker="OLD") for request in requests]):
            yield TickerBars("NEW", answer.bars.with_columns(now), answer.actions.with_columns(now))


def tickers_of(engine: sa.Engine, table: str) -> dict[str, int]:
    rows = query(engine, f"SELECT ticker, count(*) AS rows FROM {table} GROUP BY ticker")
    return {row["ticker"]: row["rows"] for row in rows}


def test_bars_actions_and_snapshots_go_on_under_the_new_name_with_their_source(engine: sa.Engine) -> None:
    store_bars(engine, "OLD", BEFORE)
    store_action(engine, "OLD", WEDNESDAY, 2.0)
    store_snapshot(engine, "OLD", next_day=101.0, one_month=110.0)
    (carried,) = carry_over(engine, RENAMES, now=NOW)
    assert (carried.bars, carried.refusal) == (2, None)
    for table, rows in (("market_data_daily", 2), ("corporate_actions", 1), ("ldtm_daily_snapshots", 1)):
        assert tickers_of(engine, table) == {"NEW": rows}
    assert query(engine, "SELECT DISTINCT source FROM market_data_daily") == [{"source": "test"}]
    (recorded,) = query(engine, "SELECT * FROM ticker_aliases")
    assert recorded == {
        "old_ticker": "OLD",
        "new_ticker": "NEW",
        "changed_on": date(2026, 4, 23),
        "current_ticker": "NEW",
        "carried_at": NOW,
        "carried_bars": 2,
    }


def test_what_was_forecast_under_the_old_name_is_judged_by_the_new_ones_bars(engine: sa.Engine) -> None:
    store_bars(engine, "OLD", BEFORE)
    store_snapshot(engine, "OLD", next_day=101.0, one_month=110.0)
    carry_over(engine, RENAMES, now=NOW)
    store_bars(engine, "NEW", {THURSDAY: 98.0, MONDAY: 104.0})
    with engine.begin() as connection:
        assert fill_back(connection, through=MONDAY).updated == 1
    errors = query(engine, "SELECT ticker, actual_close FROM ldtm_prediction_errors ORDER BY target_date")
    assert [tuple(row.values()) for row in errors] == [("NEW", 98.0), ("NEW", 104.0)]
    # The ledger itself stays as it was written.
    assert tickers_of(engine, "ldtm_predictions") == {"OLD": 3}
    assert query(engine, "SELECT next_day_actual FROM ldtm_daily_snapshots") == [{"next_day_actual": 98.0}]


def test_a_second_call_moves_nothing_and_keeps_the_record(engine: sa.Engine) -> None:
    store_bars(engine, "OLD", BEFORE)
    carry_over(engine, RENAMES, now=NOW)
    (again,) = carry_over(engine, RENAMES, now=datetime(2026, 7, 1, tzinfo=UTC))
    assert again.bars == 0
    assert query(engine, "SELECT carried_at, carried_bars FROM ticker_aliases") == [
        {"carried_at": NOW, "carried_bars": 2}
    ]


def test_days_after_the_change_and_days_that_the_new_name_has_are_not_touched(engine: sa.Engine) -> None:
    store_bars(engine, "OLD", {**BEFORE, THURSDAY: 7.0})
    store_bars(engine, "NEW", {WEDNESDAY: 100.5})
    carry_over(engine, RENAMES, now=NOW)
    rows = query(engine, "SELECT ticker, date, close FROM market_data_daily ORDER BY ticker, date")
    assert [tuple(row.values()) for row in rows] == [
        ("NEW", date(2026, 4, 21), 99.0),
        ("NEW", WEDNESDAY, 100.5),
        ("OLD", WEDNESDAY, 100.0),
        ("OLD", THURSDAY, 7.0),
    ]


def test_a_change_that_is_told_no_longer_is_forgotten_unless_it_moved_something(engine: sa.Engine) -> None:
    store_bars(engine, "OLD", BEFORE)
    mistaken = Rename("TYPO", "NEW", date(2026, 4, 23), "NEW")
    carry_over(engine, (*RENAMES, mistaken), now=NOW)
    carry_over(engine, (), now=NOW)
    assert query(engine, "SELECT old_ticker FROM ticker_aliases") == [{"old_ticker": "OLD"}]


def test_killed_half_way_nothing_is_moved(engine: sa.Engine) -> None:
    store_bars(engine, "OLD", BEFORE)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE ticker_aliases ADD CONSTRAINT full_up CHECK (carried_bars = 0)"))
    with pytest.raises(psycopg.errors.CheckViolation, match="full_up"):
        carry_over(engine, RENAMES, now=NOW)
    assert tickers_of(engine, "market_data_daily") == {"OLD": 2}


def run(engine: sa.Engine, *tickers: str, through: date, renames: tuple[Rename, ...] = ()) -> dict[str, str]:
    outcomes = ingest_tickers(engine, MARKET, tickers, since=START, through=through, renames=renames)
    return {outcome.key: f"{outcome.state} {outcome.message}".strip() for outcome in outcomes}


def test_the_next_ingest_goes_on_under_the_new_name_and_the_features_follow(engine: sa.Engine) -> None:
    before, change, through = date(2024, 5, 31), date(2024, 6, 3), date(2024, 7, 31)
    run(engine, "OLD", "STAY", through=before)
    list(engineer_tickers(engine, ["OLD"]))
    bars, made = (tickers_of(engine, table) for table in ("market_data_daily", "engineered_features"))
    stored = reads.bars(engine, ["OLD"]).drop("ticker")
    outcomes = ingest_tickers(
        engine, Called(MARKET), ["NEW"], since=START, through=through, renames=(Rename("OLD", "NEW", change, "NEW"),)
    )
    assert [(outcome.key, outcome.state, outcome.facts["rows_new"]) for outcome in outcomes] == [("NEW", "ok", 41)]
    assert reads.bars(engine, ["NEW"], through=before).drop("ticker").equals(stored)
    assert tickers_of(engine, "market_data_daily") == {"NEW": bars["OLD"] + 41, "STAY": bars["STAY"]}
    assert tickers_of(engine, "market_data_status") == {"NEW": 1, "STAY": 1}
    assert tickers_of(engine, "engineered_features") == {"NEW": made["OLD"]}
    list(engineer_tickers(engine, ["NEW"]))
    assert tickers_of(engine, "engineered_features") == {"NEW": made["OLD"] + 41}


def test_two_names_with_prices_of_two_bases_are_refused_by_name(engine: sa.Engine) -> None:
    run(engine, "OLD", "NEW", through=date(2024, 2, 29))
    with engine.begin() as connection:
        change = "UPDATE market_data_status SET price_basis = 'split_adjusted', source = 'yahoo' WHERE ticker = 'OLD'"
        connection.execute(sa.text(change))
    told = run(
        engine, "NEW", "STAY", through=date(2024, 2, 29), renames=(Rename("OLD", "NEW", date(2024, 3, 1), "NEW"),)
    )
    assert "NEW's from simulated (raw) and OLD's from yahoo (split_adjusted): a series never mixes two" in told["NEW"]
    assert told["STAY"] == "ok"
    assert tickers_of(engine, "market_data_daily")["OLD"] == 41
