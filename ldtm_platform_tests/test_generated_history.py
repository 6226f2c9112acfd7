"""The generated history is what the real stages would have left: filling back finds nothing, no row is flattered."""

from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.fillback import fill_back
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.warehouse.rows import query

TICKERS = ("AAPL", "AMD", "MSFT", "NVDA", "TQQQ")
LAST = date(2026, 4, 22)


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    fill(engine, tickers=TICKERS, sessions=sessions_through(LAST, 60))
    return engine


def test_filling_back_finds_every_matured_target_filled_as_it_would_fill_it(filled: sa.Engine) -> None:
    with filled.begin() as connection:
        done = fill_back(connection, through=LAST)
    assert (done.updated, done.revised, done.missing) == (0, 0, 0)
    assert done.pending > 0


def test_snapshots_are_the_ledgers_official_rows(filled: sa.Engine) -> None:
    wrong = query(
        filled,
        "SELECT * FROM ldtm_daily_snapshots s LEFT JOIN ldtm_predictions p ON p.run_date = s.run_date"
        " AND p.ticker = s.ticker AND p.family = 'ldtm' AND p.horizon = 'one_month'"
        " WHERE (p.predicted_close, p.target_date, p.model_version, p.in_sample, p.is_replay) IS DISTINCT FROM"
        " (s.one_month_close_pred, s.one_month_target_date, s.model_version, s.in_sample, s.is_replay)",
    )
    assert wrong == []
    assert reads.snapshots(filled).height == 60 * 5 - 1


def test_a_split_between_forecast_and_target_is_no_error(filled: sa.Engine) -> None:
    assert reads.splits(filled, TICKERS).height == 1
    errors = query(filled, "SELECT max(abs(pct_error)) AS worst FROM ldtm_prediction_errors")
    assert 0 < errors[0]["worst"] < 40


def test_only_every_tenth_model_beats_persistence(filled: sa.Engine) -> None:
    accuracy = reads.accuracy_30d(filled)
    assert accuracy.filter(pl.col("skill_vs_persistence") > 0)["ticker"].to_list() == ["NVDA"]


def test_the_last_ticker_has_failed_and_lags_by_a_session(filled: sa.Engine) -> None:
    (row,) = reads.freshness(filled).filter(pl.col("state") != "ok").rows(named=True)
    assert (row["ticker"], row["state"], row["last_bar"]) == ("TQQQ", "failed", date(2026, 4, 21))


def test_the_same_seed_gives_the_same_history() -> None:
    from ldtm_platform_tests.generated_market import generated_market

    sessions = sessions_through(LAST, 10)
    first, again = (generated_market(TICKERS, sessions, seed=3).forecasts(0, 10) for _ in range(2))
    assert first.equals(again)
