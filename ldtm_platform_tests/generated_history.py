"""Years of a fleet's life in a database, made in seconds: what the screens, the metrics and the answers read.

Prices are random walks with splits; most models have no skill and every tenth has some; the newest targets are still
open. Rows are copied in bulk, in the order in which production would have written them, and hold what the real stages
would have written: filling back afterwards finds nothing to do.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, time, timedelta
from uuid import UUID

import polars as pl
import sqlalchemy as sa

from ldtm_platform.features.engineer import engineer
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.sessions import session_offset
from ldtm_platform.warehouse.bulk import append
from ldtm_platform.warehouse.tables import (
    corporate_actions,
    engineered_features,
    ldtm_daily_snapshots,
    ldtm_predictions,
    ldtm_run_log,
    market_data_daily,
    market_data_quarantine,
    market_data_status,
    model_promotions,
    model_versions,
    news_feeds,
    news_headlines,
    stage_benchmarks,
)
from ldtm_platform_tests.generated_market import Market, generated_market

KEPT_VERSIONS = 5
REPLAYED_BUT = 15
SESSIONS_A_CHUNK = 250


def sessions_through(end: date, count: int) -> list[date]:
    """That many sessions, oldest first; the last is `end`."""
    return [session_offset(end, offset) for offset in range(1 - count, 1)]


def fill(engine: sa.Engine, *, tickers: Sequence[str], sessions: Sequence[date], seed: int = 0) -> Market:
    """Fill an empty migrated database with a forecast of every ticker for each of the sessions, oldest first.

    With five tickers or more, the last one's newest ingest failed: it has neither bar nor forecast of the last session.
    """
    market = generated_market(tickers, sessions, seed)
    bars = market.bars()
    with engine.begin() as connection:
        append(connection, market_data_daily, bars)
        append(connection, corporate_actions, market.splits().with_columns(kind=pl.lit("split"), source=pl.lit("made")))
        engineered = engineer(bars, market.splits().select("ticker", "ex_date", "value"))
        append(connection, engineered_features, engineered)
        _store_versions(connection, market)
        for chunk in _chunks(market):
            append(connection, ldtm_predictions, _ledger(chunk))
            append(connection, ldtm_run_log, _run_log(chunk))
            append(connection, ldtm_daily_snapshots, _snapshots(chunk))
        _store_state(connection, market, bars)
        append(connection, news_headlines, _headlines(market))
        append(connection, stage_benchmarks, _stage_costs(market.sessions[-1], len(tickers)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    return market


def _chunks(market: Market) -> Iterator[pl.DataFrame]:
    count = len(market.sessions)
    for start in range(0, count, SESSIONS_A_CHUNK):
        yield market.forecasts(start, min(start + SESSIONS_A_CHUNK, count)).with_columns(
            generated_at=_evening(pl.col("run_date")),
            is_replay=pl.col("session_number") < count - REPLAYED_BUT,
            run_id=pl.col("run_date").map_elements(lambda day: _run_id("infer", day), pl.String),
        )


def _stage_costs(session: date, tickers: int) -> pl.DataFrame:
    """The cost of one evening's stages."""
    stages = {"bars": 6.5, "features": 3.8, "predictions": 0.9, "snapshots": 0.1, "fill-back": 0.1}
    return pl.DataFrame({"stage": list(stages), "wall_sec": list(stages.values())}).with_columns(
        status=pl.lit("success"),
        dagster_run_id=pl.lit(_run_id("infer", session)),
        units=pl.when(pl.col("stage").is_in(["bars", "features"])).then(tickers).otherwise(1),
        cpu_sec=pl.col("wall_sec") * 0.9,
        queue_sec=pl.lit(4.3),
        peak_memory_mib=pl.lit(412.0),
        finished_at=_evening(pl.lit(session)),
    )


def _store_versions(connection: sa.Connection, market: Market) -> None:
    versions = market.versions()
    newest = pl.int_range(pl.len()).over("ticker") >= pl.len().over("ticker") - KEPT_VERSIONS
    rows = versions.with_columns(
        family=pl.lit("ldtm"),
        created_at=_evening(pl.col("trained_through")),
        price_basis=pl.col("trained_through"),
        data_hash=pl.col("version").map_elements(_sha, pl.String),
        config_hash=pl.lit(_sha("config")),
        code_version=pl.lit("generated"),
        weights_sha256=pl.col("version").map_elements(_sha, pl.String),
        seed=pl.lit(0),
        device=pl.lit("cpu"),
        pruned_at=pl.when(~newest).then(_evening(pl.lit(market.sessions[-1]))),
    )
    append(connection, model_versions, rows)
    promotions = rows.select("ticker", "family", "version", promoted_at="created_at", reason=pl.lit("trained"))
    append(connection, model_promotions, promotions.sort("promoted_at", "ticker"))
    trainings = rows.sort("created_at", "ticker").select(
        "ticker",
        "epochs_run",
        "best_val_loss",
        "duration_sec",
        run_at="created_at",
        mode=pl.lit("train"),
        status=pl.lit("success"),
        run_date="trained_through",
        model_version="version",
        dagster_run_id=pl.col("trained_through").map_elements(lambda day: _run_id("train", day), pl.String),
    )
    append(connection, ldtm_run_log, trainings)


def _ledger(chunk: pl.DataFrame) -> pl.DataFrame:
    """Three rows of the model and three of persistence for every forecast, by session, family and ticker."""
    each = [
        chunk.select(
            "run_date",
            "ticker",
            "session_number",
            family=pl.lit(family),
            model_version=pl.col("model_version") if family == "ldtm" else pl.lit(family),
            horizon=pl.lit(horizon),
            target_date=f"{horizon}_target_date",
            run_date_close="run_date_close",
            predicted_close=f"{horizon}_close_pred" if family == "ldtm" else "run_date_close",
            generated_at="generated_at",
            trained_through=pl.col("trained_through") if family == "ldtm" else pl.lit(None, pl.Date),
            data_hash=pl.concat_str("ticker", "run_date").map_elements(_sha, pl.String),
            price_basis="run_date",
            in_sample=pl.col("in_sample") & pl.lit(family == "ldtm"),
            is_replay="is_replay",
        )
        for family in ("persistence", "ldtm")
        for horizon in HORIZONS
    ]
    return pl.concat(each).sort("run_date", "family", "ticker", maintain_order=True).drop("session_number")


def _run_log(chunk: pl.DataFrame) -> pl.DataFrame:
    return chunk.select(
        "ticker",
        "run_date",
        "model_version",
        run_at="generated_at",
        mode=pl.lit("infer"),
        status=pl.lit("success"),
        duration_sec=pl.lit(0.00045),
        next_day_close="next_day_close_pred",
        next_monday_close="next_monday_close_pred",
        one_month_close="one_month_close_pred",
        dagster_run_id="run_id",
    )


def _snapshots(chunk: pl.DataFrame) -> pl.DataFrame:
    close, actual = pl.col("run_date_close"), pl.col("next_day_actual")
    said = pl.when(pl.col("next_day_close_pred") > close).then(pl.lit("UP")).otherwise(pl.lit("DOWN"))
    came = pl.when(actual > close).then(pl.lit("UP")).when(actual < close).then(pl.lit("DOWN"))
    filled = [
        expression
        for name in HORIZONS
        for expression in (
            pl.when(pl.col(f"{name}_actual").is_not_null())
            .then(pl.col(f"{name}_target_date"))
            .alias(f"{name}_actual_date"),
            ((pl.col(f"{name}_close_pred") / pl.col(f"{name}_actual") - 1) * 100).alias(f"{name}_pct_error"),
        )
    ]
    return chunk.with_columns(
        *filled,
        next_day_direction_pred=said,
        next_day_direction_actual=came,
        next_day_direction_correct=said == came,
    ).drop("session_number", "trained_through", "run_id")


def _store_state(connection: sa.Connection, market: Market, bars: pl.DataFrame) -> None:
    """What the last evening's ingest left behind: the states, a failure, and two refused rows."""
    last = _evening(pl.lit(market.sessions[-1]))
    failed = pl.col("last_date") < market.sessions[-1]
    states = (
        bars.group_by("ticker")
        .agg(first_date=pl.col("date").min(), last_date=pl.col("date").max(), rows=pl.len())
        .sort("ticker")
    )
    states = states.with_columns(
        source=pl.lit("generated"),
        price_basis=pl.lit("raw"),
        state=pl.when(failed).then(pl.lit("failed")).otherwise(pl.lit("ok")),
        message=pl.when(failed).then(pl.lit("the vendor answered 503 three times")).otherwise(pl.lit("")),
        checked_at=last,
    )
    append(connection, market_data_status, states)
    broken = states.filter(pl.col("state") == "failed").select("ticker")
    absences = broken.with_columns(
        run_at=last,
        mode=pl.lit("infer"),
        status=pl.lit("skipped"),
        duration_sec=pl.lit(0.0),
        error_msg=pl.lit("no bar of the session: ingest the ticker again"),
        run_date=pl.lit(market.sessions[-1]),
        dagster_run_id=pl.lit(_run_id("infer", market.sessions[-1])),
    )
    append(connection, ldtm_run_log, absences)
    refused = states.head(2).select(
        "ticker",
        "source",
        date="last_date",
        reason=pl.lit("high_below_low"),
        payload=pl.lit('{"high": 1.0, "low": 2.0}'),
        payload_sha=pl.col("ticker").map_elements(_sha, pl.String),
        first_seen_at=last,
        last_seen_at=last,
    )
    append(connection, market_data_quarantine, refused)
    feed = pl.DataFrame({"address": ["https://feeds.test/headlines"], "etag": ['"1"']})
    append(connection, news_feeds, feed.with_columns(checked_at=last))


def _headlines(market: Market) -> pl.DataFrame:
    """Three headlines a ticker for each of the newest thirty sessions."""
    days = pl.DataFrame({"day": market.sessions[-30:]}, schema={"day": pl.Date})
    subjects = pl.DataFrame({"subject": ["beats estimates", "names a new chief", "faces questions on growth"]})
    rows = pl.DataFrame({"ticker": list(market.tickers)}).join(days, how="cross").join(subjects, how="cross")
    return rows.select(
        "ticker",
        fingerprint=pl.concat_str("ticker", "day", "subject").map_elements(_sha, pl.String),
        published_at=_evening(pl.col("day")) - timedelta(hours=4),
        title=pl.concat_str("ticker", "subject", separator=" "),
        publisher=pl.lit("The Generated Times"),
        url=pl.concat_str(pl.lit("https://news.test/"), "ticker", pl.lit("/"), "day"),
        feed=pl.lit("yahoo"),
        fetched_at=_evening(pl.col("day")),
    )


def _evening(day: pl.Expr) -> pl.Expr:
    """22:30 UTC of a day: after every close, before the next session."""
    return day.dt.combine(time(22, 30)).dt.replace_time_zone("UTC")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _run_id(kind: str, day: date) -> str:
    return str(UUID(_sha(f"{kind} {day}")[:32]))
