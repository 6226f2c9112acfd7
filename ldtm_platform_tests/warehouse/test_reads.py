"""Reads for the pure core and for status: features on one basis, point in time, and what is stale or refused."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.bulk import upsert
from ldtm_platform.warehouse.tables import engineered_features, market_data_status
from ldtm_platform.warehouse.writes import (
    FeaturesReplaced,
    append_predictions,
    log_runs,
    promote,
    quarantine,
    replace_features,
    rollback_champion,
)
from ldtm_platform_tests.warehouse.rows import (
    FAMILY,
    WEDNESDAY,
    features_of,
    forecast,
    query,
    store_action,
    store_bars,
    store_snapshot,
    store_version,
)

DAYS = [date(2024, 6, 6), date(2024, 6, 7), date(2024, 6, 10), date(2024, 6, 11)]


def store_features(engine: sa.Engine, ticker: str, closes: list[float], factors: list[float]) -> FeaturesReplaced:
    frame = features_of(ticker, dict(zip(DAYS, closes, strict=False)), factors)
    with engine.begin() as connection:
        return replace_features(connection, ticker, frame)


def test_the_table_holds_the_feature_set_in_its_order() -> None:
    assert tuple(engineered_features.columns.keys()) == ("ticker", "date", *FEATURES, "split_factor")


def test_features_are_on_the_basis_of_the_last_row_read(engine: sa.Engine) -> None:
    store_features(engine, "NVDA", [1200.0, 1208.88, 121.79, 120.91], [1.0, 1.0, 10.0, 10.0])
    after = reads.features(engine, ["NVDA"], through=DAYS[3])
    assert after["close"].to_list() == [1200.0 * 0.1, 1208.88 * 0.1, 121.79, 120.91]
    assert after["volume"].to_list() == pytest.approx([12000.0, 12088.8, 121.79, 120.91])
    assert after["rsi14"].to_list() == [1200.0, 1208.88, 121.79, 120.91]
    assert after.columns == ["ticker", "date", *FEATURES]


def test_features_of_a_session_are_bit_equal_whatever_came_later(engine: sa.Engine) -> None:
    store_features(engine, "NVDA", [1200.1, 1208.88], [1.0, 1.0])
    before = reads.features(engine, ["NVDA"], through=DAYS[1])
    store_features(engine, "NVDA", [1200.1, 1208.88, 121.79, 120.91], [1.0, 1.0, 10.0, 10.0])
    assert_frame_equal(reads.features(engine, ["NVDA"], through=DAYS[1]), before, check_exact=True)


def test_only_the_last_rows_of_each_ticker_are_read_when_so_many_are_asked_for(engine: sa.Engine) -> None:
    store_features(engine, "NVDA", [1.0, 2.0, 3.0, 4.0], [1.0] * 4)
    store_features(engine, "AAPL", [5.0], [1.0])
    found = reads.features(engine, ["NVDA", "AAPL", "MSFT"], through=DAYS[2], last=2)
    assert found.select("ticker", "close").rows() == [("AAPL", 5.0), ("NVDA", 2.0), ("NVDA", 3.0)]


def test_features_that_are_gone_are_deleted_and_others_left_alone(engine: sa.Engine) -> None:
    store_features(engine, "AAPL", [5.0], [1.0])
    assert store_features(engine, "NVDA", [1.0, 2.0, 3.0], [1.0] * 3) == FeaturesReplaced(3, 0, 0, 0)
    assert store_features(engine, "NVDA", [1.0, 9.0], [1.0] * 2) == FeaturesReplaced(0, 1, 1, 1)
    assert len(query(engine, "SELECT 1 AS one FROM engineered_features")) == 3


def test_a_ticker_that_has_no_features_any_more_loses_its_rows(engine: sa.Engine) -> None:
    store_features(engine, "NVDA", [1.0, 2.0], [1.0] * 2)
    assert store_features(engine, "NVDA", [], []).deleted == 2


def test_features_of_another_ticker_are_refused(engine: sa.Engine) -> None:
    frame = features_of("MSFT", {DAYS[0]: 1.0}, [1.0])
    with engine.begin() as connection, pytest.raises(ValueError, match="features of MSFT"):
        replace_features(connection, "NVDA", frame)


def test_bars_and_splits_of_unknown_tickers_are_empty_frames_with_types(engine: sa.Engine) -> None:
    assert reads.bars(engine, ["NOPE"]).schema["volume"] == pl.Int64
    assert reads.splits(engine, []).schema == {"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64}
    assert reads.features(engine, ["NOPE"], through=DAYS[0]).is_empty()


def test_splits_leave_dividends_and_halts_out(engine: sa.Engine) -> None:
    store_action(engine, "NVDA", DAYS[2], 10.0)
    store_action(engine, "NVDA", DAYS[2], 0.01, kind="dividend")
    store_action(engine, "NVDA", DAYS[3], None, kind="halt")
    assert reads.splits(engine, ["NVDA"]).rows() == [("NVDA", DAYS[2], 10.0)]
    assert reads.actions(engine, ["NVDA"])["kind"].to_list() == ["dividend", "split", "halt"]


def test_bars_are_read_up_to_a_day(engine: sa.Engine) -> None:
    store_bars(engine, "NVDA", dict(zip(DAYS, [1.0, 2.0, 3.0, 4.0], strict=True)))
    assert reads.bars(engine, ["NVDA"], through=DAYS[1])["close"].to_list() == [1.0, 2.0]


def test_freshness_has_a_row_per_known_ticker_with_null_where_a_stage_was_not_reached(engine: sa.Engine) -> None:
    states = [
        {"ticker": "AAPL", "source": "test", "price_basis": "raw", "state": "ok", "message": ""},
        {
            "ticker": "MSFT",
            "source": "test",
            "price_basis": "raw",
            "state": "incomplete",
            "message": "2 sessions missing",
        },
    ]
    with engine.begin() as connection:
        upsert(connection, market_data_status, pl.DataFrame(states))
        log_runs(
            connection, pl.DataFrame([{"ticker": "SNDK", "mode": "train", "status": "skipped", "error_msg": "few"}])
        )
    store_bars(engine, "AAPL", {DAYS[0]: 1.0})
    store_features(engine, "AAPL", [1.0], [1.0])
    store_snapshot(engine, "AAPL", 1.0, 1.0)
    found = reads.freshness(engine).select("ticker", "state", "last_bar", "last_feature", "champion", "last_snapshot")
    assert found.rows() == [
        ("AAPL", "ok", DAYS[0], DAYS[0], None, date(2026, 4, 22)),
        ("MSFT", "incomplete", None, None, None, None),
        ("SNDK", None, None, None, None, None),
    ]
    assert reads.incomplete_tickers(engine, ["AAPL", "MSFT"]) == [("MSFT", "2 sessions missing")]
    assert reads.ingest_states(engine)["ticker"].to_list() == ["AAPL", "MSFT"]


def test_a_refused_row_seen_again_is_counted_and_not_stored_twice(engine: sa.Engine) -> None:
    row = {"ticker": "AAPL", "date": DAYS[0], "source": "test", "reason": "close is not positive"}
    bad = pl.DataFrame([row | {"payload": json.dumps({"close": "-1", "note": 'a "b"'}), "payload_sha": "x"}] * 2)
    for new in (1, 0):
        with engine.begin() as connection:
            assert quarantine(connection, bad) == new
    assert reads.quarantined(engine).select("ticker", "reason", "rows").rows() == [("AAPL", "close is not positive", 1)]
    (stored,) = query(engine, "SELECT seen_count, payload FROM market_data_quarantine")
    assert stored == {"seen_count": 2, "payload": {"close": "-1", "note": 'a "b"'}}


LOGGED = {"ticker": "AAPL", "mode": "infer", "status": "skipped", "run_date": DAYS[0], "dagster_run_id": "one"}


def log(engine: sa.Engine, *rows: dict[str, object]) -> None:
    with engine.begin() as connection:
        log_runs(connection, pl.DataFrame([LOGGED | row for row in rows]))


def test_instants_come_back_in_utc(engine: sa.Engine) -> None:
    at = datetime(2026, 4, 22, 22, 15, tzinfo=UTC)
    store_snapshot(engine, "AAPL", 1.0, 1.0, generated_at=at)
    assert reads.snapshots(engine)["generated_at"].to_list() == [at]
    assert reads.snapshots(engine).schema["generated_at"] == pl.Datetime("us", "UTC")


def predict(engine: sa.Engine, version: str, next_day: float, **facts: object) -> None:
    frame = forecast("AAPL", {"next_day": next_day}, model_version=version, **facts)  # type: ignore[arg-type]
    with engine.begin() as connection:
        append_predictions(connection, frame)


def test_the_latest_forecasts_are_those_of_the_version_that_serves_the_session_now(engine: sa.Engine) -> None:
    for version, day in (("old", date(2026, 1, 2)), ("new", date(2026, 4, 21))):
        store_version(engine, version, day)
        with engine.begin() as connection:
            promote(connection, ticker="AAPL", family=FAMILY, version=version, reason="trained")
    predict(engine, "old", 1.0)
    assert reads.latest_forecasts(engine, WEDNESDAY).is_empty()
    predict(engine, "new", 2.0)
    predict(engine, "new", 3.0, data_hash="h2")
    predict(engine, "old", 4.0, data_hash="h2")
    assert reads.latest_forecasts(engine, WEDNESDAY).rows() == [("AAPL", 3.0, None, None, False)]
    with engine.begin() as connection:
        rollback_champion(connection, "AAPL")
    assert reads.latest_forecasts(engine, WEDNESDAY)["next_day_close"].to_list() == [4.0]
    assert reads.latest_forecasts(engine, DAYS[1]).is_empty()


def test_a_latest_forecast_says_that_its_model_had_seen_the_session(engine: sa.Engine) -> None:
    store_version(engine, "seen", date(2026, 6, 1))
    with engine.begin() as connection:
        promote(connection, ticker="AAPL", family=FAMILY, version="seen", reason="trained")
    predict(engine, "seen", 1.0, trained_through=date(2026, 6, 1))
    assert reads.latest_forecasts(engine, WEDNESDAY).rows() == [("AAPL", 1.0, None, None, True)]
