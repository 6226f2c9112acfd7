"""Hourly bars into a real database: whole, idempotent, checked against the daily bars, and one ticker at a time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.prices.hourly.ingest import HourlyOutcome, ingest_hours
from ldtm_platform.prices.ingest import ingest
from ldtm_platform.sources.base import BarRequest, PriceBasis
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.sources.hourly import HourlySource, TickerHours, no_hours
from ldtm_platform.sources.hourly_folder import HourlyFolder
from ldtm_platform.warehouse.bulk import upsert
from ldtm_platform.warehouse.hourly_reads import hourly_bars, hourly_grids, hourly_sessions, hourly_states
from ldtm_platform.warehouse.tables import market_data_daily, market_data_hourly
from ldtm_platform_tests.hourly_bars import hourly_of
from ldtm_platform_tests.models.generated import SESSIONS, random_bars, split_bars
from ldtm_platform_tests.warehouse.rows import query, store_action

NOW = datetime(2026, 1, 5, 23, tzinfo=UTC)
TICKERS = ("AAA", "BBB", "CCC")
DAYS = SESSIONS[:60]
DAILY = pl.concat([random_bars(ticker, len(DAYS)) for ticker in TICKERS])
HOURS = hourly_of(DAILY)


class Held(HourlySource):
    """A source that holds a frame, and notes what is asked."""

    name = "held"

    def __init__(self, bars: pl.DataFrame, *, price_basis: PriceBasis = "raw", rereads: bool = False) -> None:
        self.bars, self.price_basis, self.rereads_history = bars, price_basis, rereads
        self.asked: list[BarRequest] = []

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerHours]:
        self.asked += requests
        day = pl.col("start_at").dt.date()
        for request in requests:
            own = self.bars.filter(pl.col("ticker") == request.ticker)
            known = own.filter((day >= request.start) & (day < request.end))
            yield TickerHours(request.ticker, known) if own.height else no_hours(request.ticker, "never heard of it")


@pytest.fixture
def warehouse(engine: sa.Engine) -> sa.Engine:
    """Daily bars of three tickers."""
    store_daily(engine, DAILY)
    return engine


def store_daily(engine: sa.Engine, bars: pl.DataFrame) -> None:
    with engine.begin() as connection:
        upsert(connection, market_data_daily, bars.with_columns(source=pl.lit("test")))


def run(
    engine: sa.Engine, source: HourlySource, *tickers: str, through: date = DAYS[-1], now: datetime = NOW
) -> dict[str, HourlyOutcome]:
    outcomes = ingest_hours(engine, source, tickers or TICKERS, since=DAYS[0], through=through, now=now)
    return {outcome.status.ticker: outcome for outcome in outcomes}


def written(engine: sa.Engine) -> list[dict[str, Any]]:
    return query(engine, "SELECT *, xmin::text AS version FROM market_data_hourly ORDER BY ticker, start_at")


def revisions(engine: sa.Engine) -> list[dict[str, Any]]:
    return query(engine, "SELECT * FROM market_data_hourly_revisions ORDER BY ticker, start_at")


def test_every_bar_is_stored_as_it_was_sent_with_its_session_and_when_it_became_known(warehouse: sa.Engine) -> None:
    outcomes = run(warehouse, Held(HOURS))
    assert {ticker: outcome.status.state for ticker, outcome in outcomes.items()} == dict.fromkeys(TICKERS, "ok")
    stored = hourly_bars(warehouse, TICKERS)
    assert stored.select(HOURS.columns).equals(HOURS.sort("ticker", "start_at"))
    assert stored["date"].to_list() == stored["start_at"].dt.date().to_list()
    assert outcomes["AAA"].rows_new == outcomes["AAA"].status.rows == HOURS.filter(ticker="AAA").height
    assert hourly_states(warehouse).select("ticker", "state", "grids", "first_date", "last_date", "rows").rows()[0] == (
        "AAA", "ok", f"hour from {DAYS[0]}", DAYS[0], DAYS[-1], outcomes["AAA"].rows_new,
    )  # fmt: skip


def test_a_second_run_asks_for_the_overlap_and_touches_nothing(warehouse: sa.Engine) -> None:
    run(warehouse, Held(HOURS))
    before = written(warehouse)
    again = Held(HOURS)
    outcomes = run(warehouse, again)
    assert again.asked[0] == BarRequest("AAA", DAYS[-11], DAYS[-1] + timedelta(days=1))
    assert written(warehouse) == before
    assert sum(outcome.rows_new + outcome.rows_changed for outcome in outcomes.values()) == 0


def test_a_vendor_that_returns_less_is_named_and_the_next_run_asks_for_what_is_missing(warehouse: sa.Engine) -> None:
    thin = HOURS.filter(pl.col("start_at").dt.date() != DAYS[20])
    thin = thin.filter(~((pl.col("start_at").dt.date() == DAYS[30]) & (pl.col("start_at").dt.hour() == 16)))
    outcomes = run(warehouse, Held(thin))
    assert outcomes["AAA"].status.state == "incomplete"
    told = f"2 sessions lack hourly bars without a recorded halt: {DAYS[20]} (0 of 7), {DAYS[30]} (6 of 7)"
    assert outcomes["AAA"].status.message == told
    whole = Held(HOURS)
    outcomes = run(warehouse, whole)
    assert whole.asked[0].start == DAYS[20]
    assert outcomes["AAA"].status.state == "ok"
    assert outcomes["AAA"].rows_new == 8


def test_a_recorded_halt_explains_missing_hours(warehouse: sa.Engine) -> None:
    store_action(warehouse, "AAA", DAYS[20], None, kind="halt")
    thin = HOURS.filter(pl.col("start_at").dt.date() != DAYS[20])
    outcomes = run(warehouse, Held(thin), "AAA", "BBB")
    assert {ticker: outcome.status.state for ticker, outcome in outcomes.items()} == {"AAA": "ok", "BBB": "incomplete"}


def test_a_session_that_did_not_arrive_at_all_is_missed(warehouse: sa.Engine) -> None:
    outcome = run(warehouse, Held(HOURS.filter(pl.col("start_at").dt.date() < DAYS[-1])), "AAA")["AAA"]
    assert outcome.status.message == f"1 session lacks hourly bars without a recorded halt: {DAYS[-1]} (0 of 7)"


def test_a_ticker_s_trouble_is_its_own(warehouse: sa.Engine) -> None:
    outcomes = run(warehouse, Held(HOURS.filter(pl.col("ticker") != "BBB")))
    assert outcomes["BBB"].status.state == "failed"
    assert outcomes["BBB"].status.message == "never heard of it"
    assert outcomes["CCC"].status.state == "ok"
    assert dict(hourly_states(warehouse).select("ticker", "state").iter_rows())["BBB"] == "failed"


def test_a_delisted_ticker_is_not_asked_for_and_is_no_failure(warehouse: sa.Engine) -> None:
    run(warehouse, Held(HOURS), "AAA", through=DAYS[40])
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO market_data_status (ticker, source, price_basis, state, message) "
                "VALUES ('AAA', 'test', 'raw', 'delisted', 'delisted: AAA has no bar since')"
            )
        )
    source = Held(HOURS)
    outcomes = run(warehouse, source, "AAA", "BBB")
    assert [request.ticker for request in source.asked] == ["BBB"]
    assert (outcomes["AAA"].status.state, outcomes["AAA"].status.last_date) == ("delisted", DAYS[40])


def test_bad_rows_are_quarantined_with_reasons_beside_those_of_the_daily_bars(warehouse: sa.Engine) -> None:
    noon = (pl.col("start_at").dt.date() == DAYS[5]) & (pl.col("start_at").dt.hour() == 16)
    dirty = HOURS.with_columns(low=pl.when(noon).then(pl.lit(-1.0)).otherwise("low"))
    outcome = run(warehouse, Held(dirty), "AAA")["AAA"]
    assert (outcome.rows_quarantined, outcome.status.state) == (1, "incomplete")
    (row,) = query(warehouse, "SELECT ticker, date, source, reason, payload FROM market_data_quarantine")
    assert (row["ticker"], row["date"], row["source"]) == ("AAA", DAYS[5], "held")
    assert row["reason"] == "low is not above zero"
    assert row["payload"]["low"] == -1.0


def test_the_running_hour_is_refused_and_comes_with_the_next_run(warehouse: sa.Engine) -> None:
    noon = datetime.combine(DAYS[-1], datetime.min.time(), UTC).replace(hour=16, minute=30)
    early = run(warehouse, Held(HOURS), "AAA", now=noon)["AAA"]
    # 12:30 in New York: the bar from 10:00 to 11:00 counts since 12:00, the one to 12:00 from 13:00 on.
    assert hourly_bars(warehouse, ["AAA"])["known_at"].max() <= noon  # type: ignore[operator]
    assert (early.rows_quarantined, early.status.state) == (5, "incomplete")
    assert run(warehouse, Held(HOURS), "AAA")["AAA"].status.state == "ok"


def test_a_restated_bar_is_replaced_and_recorded_and_stays_known_since_then(warehouse: sa.Engine) -> None:
    run(warehouse, Held(HOURS))
    noon = (pl.col("start_at").dt.date() == DAYS[-2]) & (pl.col("start_at").dt.hour() == 16)
    volume = pl.when(noon & (pl.col("ticker") == "AAA")).then(pl.col("volume") + 5_000_000).otherwise("volume")
    before = hourly_bars(warehouse, ["AAA"])
    outcome = run(warehouse, Held(HOURS.with_columns(volume)), "AAA")["AAA"]
    assert (outcome.rows_new, outcome.rows_changed) == (0, 1)
    (revision,) = revisions(warehouse)
    assert revision["new_volume"] - revision["old_volume"] == 5_000_000
    after = hourly_bars(warehouse, ["AAA"])
    assert after.drop("volume").equals(before.drop("volume"))


def test_without_daily_bars_there_is_nothing_to_check_against(engine: sa.Engine) -> None:
    outcome = run(engine, Held(HOURS), "AAA")["AAA"]
    assert outcome.status.state == "failed"
    assert "`ldtm ingest` brings both" in outcome.status.message


def test_prices_adjusted_for_splits_are_carried_to_what_was_traded(engine: sa.Engine) -> None:
    raw, splits = split_bars(random_bars("AAA", len(DAYS)), DAYS[30], 4.0)
    store_daily(engine, raw)
    store_action(engine, "AAA", DAYS[30], 4.0)
    sent = hourly_of(adjusted(raw, splits, DAYS[-1]).with_columns(pl.col("volume").cast(pl.Int64)))
    assert run(engine, Held(sent, price_basis="split_adjusted"), "AAA")["AAA"].status.state == "ok"
    last = hourly_bars(engine, ["AAA"]).group_by("date", maintain_order=True).agg(pl.col("close").last())
    assert (last["close"] / raw["close"] - 1).abs().max() < 1e-12  # type: ignore[operator]


def test_hours_on_another_basis_than_the_daily_bars_are_refused_and_stored_ones_stand(engine: sa.Engine) -> None:
    """The split is in the hourly vendor's prices and not among the actions: mixed, the series would fall by 75 %."""
    raw, splits = split_bars(random_bars("AAA", len(DAYS)), DAYS[-2], 4.0)
    store_daily(engine, raw)
    run(engine, Held(hourly_of(raw), rereads=True), "AAA", through=DAYS[-3])
    before = written(engine)
    sent = hourly_of(adjusted(raw, splits, DAYS[-1]).with_columns(pl.col("volume").cast(pl.Int64)))
    outcome = run(engine, Held(sent, rereads=True), "AAA")["AAA"]
    assert outcome.status.state == "failed"
    assert "LDTM_PRICE_BASIS" in outcome.status.message
    assert outcome.status.last_date == DAYS[-3]
    assert written(engine) == before


def test_a_series_never_goes_on_in_prices_of_another_basis(warehouse: sa.Engine) -> None:
    run(warehouse, Held(HOURS), "AAA")
    outcome = run(warehouse, Held(HOURS, price_basis="split_adjusted"), "AAA")["AAA"]
    assert outcome.status.state == "failed"
    assert "never mixes the two" in outcome.status.message
    assert outcome.status.price_basis == "raw"


def test_an_odd_bar_outside_the_day_s_range_is_quarantined_alone(warehouse: sa.Engine) -> None:
    noon = (pl.col("start_at").dt.date() == DAYS[5]) & (pl.col("start_at").dt.hour() == 16)
    prices = ("open", "high", "low", "close")
    hundredfold = [pl.when(noon).then(pl.col(name) * 100).otherwise(name).alias(name) for name in prices]
    run(warehouse, Held(HOURS.with_columns(hundredfold)), "AAA")
    (row,) = query(warehouse, "SELECT reason, date FROM market_data_quarantine")
    assert row == {"reason": "the close is outside the range of the day's daily bar", "date": DAYS[5]}
    assert hourly_bars(warehouse, ["AAA"]).height == HOURS.filter(ticker="AAA").height - 1


def test_a_change_of_grid_is_recorded_and_every_bar_keeps_its_own(warehouse: sa.Engine) -> None:
    change = DAYS[40]
    later = hourly_of(DAILY.filter(pl.col("date") >= change), "half_hour", segment="yahoo")
    mixed = pl.concat([HOURS.filter(pl.col("start_at").dt.date() < change), later])
    outcome = run(warehouse, Held(mixed), "AAA")["AAA"]
    assert outcome.status.grids == f"hour from {DAYS[0]}, half_hour from {change}"
    spans = hourly_grids(warehouse, ["AAA"]).select("grid", "segment", "source", "first_date", "last_date", "bars")
    assert spans.rows() == [
        ("hour", "", "held", DAYS[0], DAYS[39], 7 * 40),
        ("half_hour", "yahoo", "held", change, DAYS[-1], 7 * 20),
    ]


def test_sessions_that_two_vendors_cut_differently_are_kept_on_the_grid_that_they_were_begun_with(
    warehouse: sa.Engine,
) -> None:
    run(warehouse, Held(HOURS), "AAA", through=DAYS[30])
    before = written(warehouse)
    outcome = run(warehouse, Held(hourly_of(DAILY, "half_hour"), rereads=True), "AAA")["AAA"]
    assert outcome.left_out == f"{7 * 31} on another grid or in another segment than the session"
    assert written(warehouse)[: len(before)] == before
    assert outcome.status.grids == f"hour from {DAYS[0]}, half_hour from {DAYS[31]}"
    assert hourly_sessions(warehouse, ["AAA"])["bars"].to_list() == [7] * len(DAYS)
    assert revisions(warehouse) == []


def test_another_vendor_s_opening_bar_does_not_tell_the_hour_twice(warehouse: sa.Engine) -> None:
    """From one that begins at 09:30 to one whose first bar holds early trading from 09:00 on."""
    run(warehouse, Held(HOURS), "AAA", through=DAYS[30])
    before = written(warehouse)
    opening = pl.col("start_at").dt.minute() == 30
    early = HOURS.with_columns(
        start_at=pl.when(opening).then(pl.col("start_at") - timedelta(minutes=30)).otherwise("start_at")
    )
    outcome = run(warehouse, Held(early), "AAA")["AAA"]
    assert (outcome.status.state, outcome.rows_changed) == ("ok", 0)
    assert written(warehouse)[: len(before)] == before
    after = hourly_bars(warehouse, ["AAA"]).filter(pl.col("date") > DAYS[30])
    assert after["is_extended"].sum() == len(DAYS) - 31
    assert hourly_sessions(warehouse, ["AAA"])["bars"].to_list() == [7] * len(DAYS)


def test_a_last_bar_that_turns_out_to_hold_late_trading_is_known_later(warehouse: sa.Engine) -> None:
    hours = hourly_of(DAILY.filter(ticker="AAA"), "half_hour")
    run(warehouse, Held(hours), "AAA")
    late = hours.filter(pl.col("start_at").dt.date() == DAYS[-1]).tail(1)
    run(warehouse, Held(pl.concat([hours, late.with_columns(pl.col("start_at") + timedelta(hours=1))])), "AAA")
    last = hourly_bars(warehouse, ["AAA"]).row(-1, named=True)
    assert last["is_extended"]
    assert last["known_at"] - last["start_at"] == timedelta(hours=2)
    assert revisions(warehouse) == []


def test_two_ingests_at_once_store_each_bar_once(warehouse: sa.Engine) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: run(warehouse, Held(HOURS), "AAA")["AAA"], range(3)))
    assert sorted(outcome.rows_new for outcome in found) == [0, 0, HOURS.filter(ticker="AAA").height]
    assert {outcome.status.state for outcome in found} == {"ok"}


def test_a_row_that_only_the_database_refuses_fails_its_ticker_and_nothing_of_it_is_stored(
    warehouse: sa.Engine,
) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text("ALTER TABLE market_data_hourly ADD CHECK (ticker <> 'BBB' OR volume < 0)"))
    outcomes = run(warehouse, Held(HOURS))
    assert {ticker: outcome.status.state for ticker, outcome in outcomes.items()} == {
        "AAA": "ok", "BBB": "failed", "CCC": "ok",
    }  # fmt: skip
    assert "BBB" not in set(hourly_bars(warehouse, TICKERS)["ticker"])


@pytest.mark.parametrize(
    "change",
    [
        {"known_at": DAYS[0]}, {"grid": "minute"}, {"close": 0.0}, {"high": 0.5}, {"volume": -1},
    ],
)  # fmt: skip
def test_the_database_itself_refuses_what_is_no_bar(engine: sa.Engine, change: dict[str, object]) -> None:
    start = datetime(2024, 7, 2, 14, tzinfo=UTC)
    row = {
        "ticker": "AAA", "start_at": start, "date": start.date(), "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0,
        "volume": 1, "grid": "hour", "segment": "", "known_at": start + timedelta(hours=2), "source": "test",
    }  # fmt: skip
    with engine.begin() as connection:
        upsert(connection, market_data_hourly, pl.DataFrame([row]))
    with pytest.raises(psycopg.Error), engine.begin() as connection:
        upsert(connection, market_data_hourly, pl.DataFrame([row | {"ticker": "BBB"} | change]))


def test_real_hours_are_stored_beside_real_daily_bars_and_agree_with_them(engine: sa.Engine, shared_data: Path) -> None:
    first, last = date(2021, 10, 19), date(2025, 12, 31)
    tickers = ["AAPL", "AMZN", "NVDA", "QQQ"]
    daily = FolderSource(shared_data / "daily.parquet")
    list(ingest(engine, daily, tickers, since=first, through=last, now=NOW))
    source = HourlyFolder(shared_data / "hourly.parquet", price_basis="split_adjusted")
    outcomes = {
        outcome.status.ticker: outcome
        for outcome in ingest_hours(engine, source, tickers, since=first, through=last, now=NOW)
    }
    assert {(o.status.state, o.status.rows, o.rows_quarantined, o.left_out) for o in outcomes.values()} == {
        ("ok", 7_355, 0, "")
    }
    assert {outcome.status.grids for outcome in outcomes.values()} == {f"hour from {first}"}
    again = list(ingest_hours(engine, source, tickers, since=first, through=last, now=NOW))
    assert sum(outcome.rows_new + outcome.rows_changed for outcome in again) == 0
