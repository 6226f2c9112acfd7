"""What the database derives: adjusted bars, signals, accuracy, errors beside persistence, and model cards."""

from datetime import date, timedelta
from math import log

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.dashboard.figures import history as drawable
from ldtm_platform.evaluation.comparison import compared
from ldtm_platform.sessions import sessions_between
from ldtm_platform.warehouse.fillback import fill_back
from ldtm_platform.warehouse.reads import accuracy_30d, model_cards, prediction_skill, signals, snapshots
from ldtm_platform.warehouse.screens import losses_30d, ticker_history
from ldtm_platform.warehouse.writes import append_predictions, log_runs, promote
from ldtm_platform_tests.warehouse.rows import (
    FAMILY,
    WEDNESDAY,
    forecast,
    query,
    store_action,
    store_bars,
    store_snapshot,
    store_version,
)

THURSDAY = date(2026, 4, 23)
SEED_COLUMNS = [
    "ticker",
    "evaluated_days",
    "avg_abs_pct_error",
    "avg_abs_pct_error_weekly",
    "direction_accuracy_pct",
    "latest_run_date",
    "latest_next_day_pred",
]
GOLDEN = {
    "AMD": (282.22, 315.00, 11.62), "APP": (457.32, 496.28, 8.52), "INTU": (408.80, 443.29, 8.44),
    "ADBE": (245.30, 265.87, 8.39), "CSGP": (39.88, 42.90, 7.57), "ODFL": (220.74, 174.35, -21.02),
    "SQQQ": (56.66, 53.15, -6.19), "DDOG": (128.96, 124.33, -3.59), "DASH": (186.34, 182.78, -1.91),
    "MAR": (377.10, 370.03, -1.87),
}  # fmt: skip


def adjusted(engine: sa.Engine, as_of: date) -> dict[date, tuple[float, float]]:
    rows = query(engine, "SELECT date, close, volume FROM market_data_adjusted(:as_of)", as_of=as_of)
    return {row["date"]: (row["close"], row["volume"]) for row in rows}


def test_adjusted_bars_know_only_the_splits_up_to_the_session_asked_for(engine: sa.Engine) -> None:
    first, second, third = date(2024, 6, 7), date(2024, 6, 10), date(2024, 6, 11)
    store_bars(engine, "NVDA", {first: 1208.88, second: 121.79, third: 60.5})
    store_action(engine, "NVDA", second, 10.0)
    store_action(engine, "NVDA", third, 2.0)
    assert adjusted(engine, first) == {first: (1208.88, 100.0)}
    assert adjusted(engine, second) == {first: (1208.88 * 0.1, 1000.0), second: (121.79, 100.0)}
    assert adjusted(engine, third) == {first: (1208.88 * 0.05, 2000.0), second: (60.895, 200.0), third: (60.5, 100.0)}


def test_bars_without_a_split_come_out_as_they_are(engine: sa.Engine) -> None:
    store_bars(engine, "AAPL", {THURSDAY: 1 / 3})
    store_action(engine, "AAPL", date(2020, 8, 31), 7 / 3)
    store_action(engine, "AAPL", THURSDAY, 0.5, kind="dividend")
    assert adjusted(engine, WEDNESDAY) == {}
    assert adjusted(engine, THURSDAY) == {THURSDAY: (1 / 3, 100.0)}


def test_the_implied_returns_of_the_golden_rows_are_exact_to_the_cent(engine: sa.Engine) -> None:
    for ticker, (next_day, one_month, _) in GOLDEN.items():
        store_snapshot(engine, ticker, next_day, one_month)
    found = signals(engine)
    assert dict(found.select("ticker", "implied_1m_return_pct").iter_rows()) == {t: g[2] for t, g in GOLDEN.items()}
    assert found["ticker"].to_list() == sorted(GOLDEN, key=lambda ticker: -GOLDEN[ticker][2])


@pytest.mark.parametrize(
    ("one_month", "bucket"),
    [(101.01, "bullish"), (101.0, "neutral"), (101.004, "neutral"), (99.0, "neutral"), (98.99, "bearish")],
)
def test_the_bucket_is_bullish_above_one_percent_and_bearish_below_minus_one(
    engine: sa.Engine, one_month: float, bucket: str
) -> None:
    store_snapshot(engine, "AAPL", 100.0, one_month)
    assert signals(engine)["bucket"].to_list() == [bucket]


def test_a_next_day_forecast_of_zero_has_no_signal(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", 0.0, 110.0)
    assert signals(engine).select("implied_1m_return_pct", "bucket").row(0) == (None, None)


def test_signals_are_those_of_the_latest_session_unless_another_is_asked_for(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", 100.0, 110.0)
    store_snapshot(engine, "AAPL", 100.0, 120.0, run_date=THURSDAY)
    assert signals(engine)["run_date"].to_list() == [THURSDAY]
    assert signals(engine, WEDNESDAY)["one_month_close_pred"].to_list() == [110.0]
    latest = query(engine, "SELECT run_date FROM ldtm_signals WHERE is_latest")
    assert [row["run_date"] for row in latest] == [THURSDAY]


def test_accuracy_is_the_mean_over_filled_days_beside_persistence(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", 101.0, 110.0)
    store_snapshot(engine, "AAPL", 99.0, 110.0, run_date=THURSDAY)
    store_bars(engine, "AAPL", {THURSDAY: 102.0, date(2026, 4, 24): 101.0, date(2026, 4, 27): 100.0})
    with engine.begin() as connection:
        fill_back(connection, through=date(2026, 4, 24))
    view = accuracy_30d(engine)
    assert view.columns[: len(SEED_COLUMNS)] == SEED_COLUMNS
    (row,) = view.rows(named=True)
    own, naive = [1 / 102 * 100, 2 / 101 * 100], [2 / 102 * 100, 1 / 101 * 100]
    assert row["avg_abs_pct_error"] == pytest.approx(sum(own) / 2)
    assert row["persistence_avg_abs_pct_error"] == pytest.approx(sum(naive) / 2)
    logs = [abs(log(forecast / actual)) for forecast, actual in ((101, 102), (99, 101), (100, 102), (100, 101))]
    assert row["skill_vs_persistence"] == pytest.approx(1 - sum(logs[:2]) / sum(logs[2:]))
    assert (row["evaluated_days"], row["direction_accuracy_pct"], row["avg_abs_pct_error_weekly"]) == (2, 50.0, None)
    assert (row["latest_run_date"], row["latest_next_day_pred"]) == (THURSDAY, 99.0)


def test_accuracy_spans_thirty_calendar_days_back_from_the_latest_session(engine: sa.Engine) -> None:
    latest = date(2026, 4, 22)
    for days in (0, 29, 30):
        store_snapshot(engine, "AAPL", 101.0, 110.0, run_date=latest - timedelta(days=days))
    assert accuracy_30d(engine)["predicted_days"].to_list() == [2]


def test_in_sample_snapshots_are_in_no_accuracy_figure(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", 101.0, 110.0, trained_through=date(2026, 6, 1))
    store_bars(engine, "AAPL", {THURSDAY: 102.0})
    with engine.begin() as connection:
        fill_back(connection, through=THURSDAY)
    assert accuracy_30d(engine).is_empty()
    assert prediction_skill(engine).is_empty()


def test_errors_stand_beside_persistence_on_the_same_basis_across_a_split(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        append_predictions(connection, forecast("NVDA", {"next_day": 110.0}))
        append_predictions(connection, forecast("NVDA", {"next_day": 50.0}, model_version="late"))
        naive = forecast("NVDA", {"next_day": 100.0}, family="persistence", model_version="p", trained_through=None)
        append_predictions(connection, naive)
    store_action(engine, "NVDA", THURSDAY, 10.0)
    store_bars(engine, "NVDA", {THURSDAY: 10.5})
    skill = {row["family"]: row for row in prediction_skill(engine).rows(named=True)}
    model = skill[FAMILY]
    assert model["n"] == 1
    assert model["mean_abs_log_error"] == pytest.approx(log(110 / 105))
    assert model["persistence_mean_abs_log_error"] == pytest.approx(log(105 / 100))
    assert model["ratio_to_persistence"] == pytest.approx(log(110 / 105) / log(105 / 100))
    assert skill["persistence"]["ratio_to_persistence"] == 1.0


def test_errors_are_on_the_basis_of_the_forecast_when_the_stored_bars_changed_theirs(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        append_predictions(connection, forecast("NVDA", {"next_day": 110.0, "next_monday": 110.0}))
    store_action(engine, "NVDA", date(2026, 4, 24), 2.0)
    store_bars(engine, "NVDA", {WEDNESDAY: 200.0, THURSDAY: 210.0, date(2026, 4, 27): 104.0})
    errors = query(engine, "SELECT actual_close, pct_error FROM ldtm_prediction_errors ORDER BY target_date")
    assert [row["actual_close"] for row in errors] == [105.0, 104.0]
    assert [row["pct_error"] for row in errors] == [pytest.approx(5 / 105 * 100), pytest.approx(6 / 104 * 100)]


def test_a_corrected_close_of_the_run_date_moves_no_actual(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        append_predictions(connection, forecast("NVDA", {"next_day": 110.0}))
    store_bars(engine, "NVDA", {WEDNESDAY: 119.0, THURSDAY: 105.0})
    assert query(engine, "SELECT actual_close FROM ldtm_prediction_errors") == [{"actual_close": 105.0}]


def test_a_session_that_was_forecast_in_sample_first_is_counted_once_everywhere(engine: sa.Engine) -> None:
    store_bars(engine, "AAPL", {WEDNESDAY: 100.0, THURSDAY: 102.0})
    store_snapshot(engine, "AAPL", 101.9, 110.0, model_version="seen", trained_through=date(2026, 6, 1))
    store_snapshot(engine, "AAPL", 101.0, 110.0)
    with engine.begin() as connection:
        fill_back(connection, through=THURSDAY)
    assert accuracy_30d(engine).select("predicted_days", "latest_next_day_pred").rows() == [(1, 101.0)]
    assert prediction_skill(engine).select("horizon", "n").rows() == [("next_day", 1)]
    assert signals(engine).select("model_version", "in_sample").rows() == [("v1", False)]
    assert snapshots(engine).height == 1


def test_replayed_days_are_those_evaluated_whose_forecast_was_made_afterwards(engine: sa.Engine) -> None:
    tuesday, monday = date(2026, 4, 21), date(2026, 4, 20)
    store_bars(engine, "AAPL", {tuesday: 99.0, WEDNESDAY: 100.0})
    store_snapshot(engine, "AAPL", 101.0, 110.0, run_date=monday, is_replay=True)
    store_snapshot(engine, "AAPL", 101.0, 110.0, run_date=tuesday)
    store_snapshot(engine, "AAPL", 101.0, 110.0, is_replay=True)
    with engine.begin() as connection:
        fill_back(connection, through=WEDNESDAY)
    view = accuracy_30d(engine)
    assert view.select("predicted_days", "evaluated_days", "replayed_days").rows() == [(3, 2, 1)]


def test_a_forecast_below_zero_counts_everywhere_as_one_of_a_hundredth_of_the_close(engine: sa.Engine) -> None:
    store_snapshot(engine, "NVDA", -5.0, 110.0)
    store_snapshot(engine, "AMD", 105.0, 110.0)
    for ticker in ("NVDA", "AMD"):
        store_bars(engine, ticker, {THURSDAY: 110.0})
    with engine.begin() as connection:
        fill_back(connection, through=THURSDAY)
    (row,) = query(engine, "SELECT pct_error, abs_log_error FROM ldtm_prediction_errors WHERE ticker = 'NVDA'")
    assert row == {"pct_error": pytest.approx(-11500 / 110), "abs_log_error": pytest.approx(log(110))}
    worst, naive = log(110), log(1.1)
    (fleet,) = prediction_skill(engine).select("n", "sessions", "mean_abs_log_error", "skill").rows()
    assert fleet == (
        2,
        1,
        pytest.approx((worst + log(110 / 105)) / 2),
        pytest.approx(1 - (worst + log(110 / 105)) / (2 * naive)),
    )
    month = accuracy_30d(engine).filter(pl.col("ticker") == "NVDA").row(0, named=True)
    assert (month["evaluated_days"], month["skill_vs_persistence"]) == (1, pytest.approx(1 - worst / naive))
    assert losses_30d(engine, ["NVDA", "AMD"]).select("n", "own").rows() == [(2, pytest.approx(worst + log(110 / 105)))]
    scored = drawable.errors(ticker_history(engine, "NVDA", session=None, last=9), "next_day")
    assert scored["own"].to_list() == [pytest.approx(worst)]


def test_the_interval_of_thirty_days_is_that_of_the_same_losses_anywhere(engine: sa.Engine) -> None:
    days = sessions_between(date(2026, 3, 25), date(2026, 4, 23))
    for number, day in enumerate(days[:-1]):
        store_snapshot(engine, "AAPL", 100.0 + number % 3, 110.0, run_date=day)
    store_bars(engine, "AAPL", {day: 100.0 + number % 5 for number, day in enumerate(days)})
    with engine.begin() as connection:
        fill_back(connection, through=days[-1])
    month = accuracy_30d(engine).row(0, named=True)
    found = compared(losses_30d(engine, ["AAPL"]), "next_day")
    assert (found.n, found.sessions) == (month["evaluated_days"],) * 2
    bounds = [month["skill_vs_persistence"], month["skill_low"], month["skill_high"]]
    assert bounds == [pytest.approx(each) for each in (found.skill, found.low, found.high)]


def test_a_card_shows_the_champion_its_latency_and_its_signal(engine: sa.Engine) -> None:
    store_version(engine, "v1", date(2025, 1, 2))
    with engine.begin() as connection:
        promote(connection, ticker="AAPL", family=FAMILY, version="v1", reason="first")
        runs = pl.DataFrame(
            {"ticker": "AAPL", "mode": ["train", "infer"], "status": "success", "duration_sec": [9.0, 0.1]}
        )
        log_runs(connection, runs)
    store_snapshot(engine, "AAPL", 100.0, 110.0)
    (card,) = model_cards(engine).rows(named=True)
    assert (card["version"], card["trained_through"], card["inference_sec"]) == ("v1", date(2025, 1, 2), 0.1)
    assert (card["bucket"], card["implied_1m_return_pct"], card["skill"]) == (
        "bullish",
        10.0,
        '{"val": {"total": -0.1}}',
    )


def test_a_ticker_with_too_little_history_has_a_card_that_says_so(engine: sa.Engine) -> None:
    run = {"ticker": "SNDK", "mode": "train", "status": "skipped", "error_msg": "162 feature rows, 252 are needed"}
    with engine.begin() as connection:
        log_runs(connection, pl.DataFrame([run]))
    (card,) = model_cards(engine).rows(named=True)
    assert (card["ticker"], card["version"], card["last_training_status"]) == ("SNDK", None, "skipped")
    assert card["last_training_message"] == "162 feature rows, 252 are needed"


def test_only_matured_targets_are_counted_in_the_skill(engine: sa.Engine) -> None:
    days = sessions_between(date(2025, 1, 1), date(2025, 3, 1))
    for ticker in ("AAPL", "NVDA"):
        store_bars(engine, ticker, {day: 100.0 + number for number, day in enumerate(days)})
        frames = [forecast(ticker, {"next_day": 101.0, "one_month": 102.0}, run_date=d) for d in days]
        with engine.begin() as connection:
            append_predictions(connection, pl.concat(frames))
    assert prediction_skill(engine)["n"].to_list() == [2 * (len(days) - 1), 2 * (len(days) - 21)]
