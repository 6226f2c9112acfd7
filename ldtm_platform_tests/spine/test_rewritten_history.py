"""A vendor rewrites its history after forecasts were made: splits are found, and nothing is compared across bases."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.postgres.server import Connection
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import BarRequest, MarketDataSource
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.stages.features import engineer_tickers
from ldtm_platform.stages.market_data import ingest_tickers
from ldtm_platform.stages.predictions import SessionForecaster
from ldtm_platform.stages.snapshots import fill_back_through, write_session_snapshots
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.stages.fleet import simulated, train
from ldtm_platform_tests.warehouse.rows import query

SPLITS = {
    "AVGO": 10.0,
    "LRCX": 10.0,
    "NFLX": 10.0,
    "NVDA": 10.0,
    "ORLY": 15.0,
    "CTAS": 4.0,
    "FAST": 2.0,
    "ODFL": 2.0,
    "PANW": 2.0,
}
FORECAST = ("AAPL", "CTAS", "NVDA", "ORLY")
SINCE, BEFORE, AFTER = date(2021, 1, 4), date(2023, 12, 29), date(2024, 7, 31)
SESSIONS = sessions_between(date(2023, 12, 18), date(2023, 12, 30))
# Of an untrained model's errors none is near what a forgotten split would make: 100 % at the least.
PLAUSIBLE_PCT = 60.0


def ingest(engine: sa.Engine, source: MarketDataSource, tickers: Sequence[str], *, since: date, through: date) -> None:
    outcomes = list(ingest_tickers(engine, source, tickers, since=since, through=through))
    assert [outcome.message for outcome in outcomes if outcome.state != "ok"] == []
    list(engineer_tickers(engine, tickers))


def forecast(engine: sa.Engine, store: Path, sessions: Sequence[date], tickers: Sequence[str]) -> None:
    forecaster = SessionForecaster(engine, CheckpointStore(store), Ldtm())
    for session in sessions:
        assert forecaster.forecast(session, tickers).forecast == len(tickers)
        write_session_snapshots(engine, session)


def largest_errors(engine: sa.Engine) -> dict[str, float]:
    """Of each ticker, the largest absolute error in percent that any snapshot or ledger row shows."""
    rows = query(
        engine,
        "SELECT ticker, greatest(max(abs(next_day_pct_error)), max(abs(next_monday_pct_error)),"
        " max(abs(one_month_pct_error))) AS worst FROM ldtm_daily_snapshots GROUP BY ticker"
        " UNION ALL SELECT ticker, greatest(max(abs(pct_error)), max(abs(persistence_pct_error)))"
        " FROM ldtm_prediction_errors GROUP BY ticker",
    )
    return {
        name: max(row["worst"] for row in rows if row["ticker"] == name) for name in {row["ticker"] for row in rows}
    }


def test_real_histories_rewritten_after_forecasts_were_made(
    engine: sa.Engine, shared_data: Path, tmp_path: Path
) -> None:
    older = FolderSource(shared_data / "daily_with_actions_2020_2023.parquet")
    newer = FolderSource(shared_data / "daily.parquet")
    tickers = pl.read_parquet(shared_data / "daily_with_actions_2020_2023.parquet")["ticker"].unique().sort().to_list()
    ingest(engine, older, tickers, since=SINCE, through=BEFORE)
    train(engine, tmp_path, FORECAST, through=date(2023, 12, 15))
    forecast(engine, tmp_path, SESSIONS, FORECAST)
    fill_back_through(engine, BEFORE)
    stored, ledger = reads.bars(engine, tickers), query(engine, "SELECT * FROM ldtm_predictions ORDER BY id")

    ingest(engine, newer, tickers, since=SINCE, through=AFTER)
    assert {row["ticker"]: row["value"] for row in query(engine, DETECTED)} == SPLITS
    # What was traded stays as it was stored; a volume that was corrected is recorded with the one before.
    kept = reads.bars(engine, tickers, through=BEFORE)
    assert kept.drop("volume").equals(stored.drop("volume"))
    changed = kept.filter(kept["volume"] != stored["volume"]).select("ticker", "date").rows()
    recorded = query(engine, 'SELECT ticker, date FROM market_data_revisions ORDER BY ticker COLLATE "C", date')
    assert [(row["ticker"], row["date"]) for row in recorded] == changed != []

    filled = fill_back_through(engine, AFTER)
    assert (filled.revised, filled.pending, filled.missing) == (0, 0, 0)
    assert query(engine, "SELECT * FROM ldtm_predictions ORDER BY id") == ledger
    worst = largest_errors(engine)
    assert set(worst) == {*FORECAST}
    assert max(worst.values()) < PLAUSIBLE_PCT, worst
    again = fill_back_through(engine, AFTER)
    assert (again.updated, again.revised) == (0, 0)

    # NVDA's month-ahead actuals are the closes of early 2024 as one saw them then: ten times what the vendor says now.
    said_now = dict(
        pl.read_parquet(shared_data / "daily.parquet").filter(ticker="NVDA").select("date", "close").iter_rows()
    )
    for row in reads.snapshots(engine, ticker="NVDA").rows(named=True):
        assert abs(row["one_month_actual"] / (10 * said_now[row["one_month_actual_date"]]) - 1) < 1e-3

    # A forecast made now sees one basis, too.
    forecast(engine, tmp_path, [AFTER], FORECAST)
    recent = reads.features(engine, ["NVDA"], through=date(2024, 1, 10), last=30)
    assert recent["close"].log().diff().abs().max() < 0.2  # type: ignore[operator]


DETECTED = "SELECT ticker, value FROM corporate_actions WHERE kind = 'split' AND detected ORDER BY ticker"


def write_adjusted(path: Path, bars: pl.DataFrame, factor: float) -> None:
    """The bars as a vendor tells them after each share became `factor` shares at the end."""
    prices = ("open", "high", "low", "close")
    bars.with_columns(
        *(pl.col(name) / factor for name in prices), (pl.col("volume") * factor).cast(pl.Int64)
    ).write_parquet(path)


def test_forecasts_before_an_unannounced_split_are_judged_as_if_there_had_been_none(
    engine: sa.Engine, server: Connection, template: str, tmp_path: Path
) -> None:
    since, before, after = date(2023, 1, 3), date(2024, 6, 14), date(2024, 7, 31)
    sessions = sessions_between(date(2024, 6, 3), before + timedelta(days=1))
    (answer,) = simulated().fetch([BarRequest("AMGN", since, after + timedelta(days=1))])
    old, new, plain = (tmp_path / f"{name}.parquet" for name in ("old", "new", "plain"))
    write_adjusted(old, answer.bars.filter(pl.col("date") <= before), 1.0)
    write_adjusted(new, answer.bars, 8.0)
    write_adjusted(plain, answer.bars, 1.0)

    def judged(engine: sa.Engine, then: Path) -> pl.DataFrame:
        ingest(engine, FolderSource(old), ["AMGN"], since=since, through=before)
        train(engine, tmp_path / "models", ["AMGN"], through=date(2024, 5, 31))
        forecast(engine, tmp_path / "models", sessions, ["AMGN"])
        ingest(engine, FolderSource(then), ["AMGN"], since=since, through=after)
        fill_back_through(engine, after)
        return reads.snapshots(engine).drop("id", "generated_at", "source_run_log_id")

    split = judged(engine, new)
    assert [(row["ticker"], row["value"]) for row in query(engine, DETECTED)] == [("AMGN", 8.0)]
    with scratch_database(server, template) as url:
        other = sa.create_engine(url)
        # A factor of 8 is exact in binary: not a bit differs.
        assert split.equals(judged(other, plain))
        assert query(other, DETECTED) == []
        other.dispose()
    assert split["one_month_actual"].null_count() == 0
    assert max(largest_errors(engine).values()) < PLAUSIBLE_PCT
