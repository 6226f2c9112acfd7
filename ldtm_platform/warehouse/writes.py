"""One function per business write; each runs inside the caller's transaction, so that a run is written whole or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ldtm_platform.warehouse.bulk import append, staged, upsert
from ldtm_platform.warehouse.tables import (
    engineered_features,
    ldtm_predictions,
    ldtm_run_log,
    market_data_quarantine,
    model_promotions,
    model_versions,
)


class UnknownVersion(Exception):
    """A model version was named that is not registered, or that never held the title."""


@dataclass(frozen=True)
class FeaturesReplaced:
    """How many feature rows of a ticker were inserted, changed, left as they were, and deleted."""

    inserted: int
    updated: int
    unchanged: int
    deleted: int


def replace_features(connection: sa.Connection, ticker: str, frame: pl.DataFrame) -> FeaturesReplaced:
    """Make the ticker's stored features equal to the frame (ticker, date, the 11 features, split_factor).

    Raises ValueError when the frame holds another ticker.
    """
    others = frame.filter(pl.col("ticker") != ticker)["ticker"].unique().to_list()
    if others:
        raise ValueError(f"features of {', '.join(others)} were handed over as those of {ticker}")
    done = upsert(connection, engineered_features, frame)
    kept = {"ticker": ticker, "dates": frame["date"].to_list()}
    deleted = connection.execute(sa.text(_DELETE_OTHER_FEATURES), kept).rowcount
    return FeaturesReplaced(done.inserted, done.updated, done.unchanged, deleted)


_DELETE_OTHER_FEATURES = """
DELETE FROM engineered_features stored
WHERE ticker = :ticker
  AND NOT EXISTS (SELECT 1 FROM unnest(cast(:dates AS date[])) AS kept(date) WHERE kept.date = stored.date)"""


def quarantine(connection: sa.Connection, frame: pl.DataFrame) -> int:
    """Keep rows that are no bars: ticker, date, source, reason, payload (JSON text), payload_sha; returns the new ones.

    A row seen before with the same reason is counted again instead of being stored twice.
    """
    if frame.is_empty():
        return 0
    with staged(connection, market_data_quarantine, frame) as stage:
        statement = _QUARANTINE.format(stage=stage, columns=", ".join(frame.columns))
        return int(connection.execute(sa.text(statement)).scalar_one())


_QUARANTINE = """
WITH written AS (
    INSERT INTO market_data_quarantine AS stored ({columns})
    SELECT DISTINCT ON (payload_sha, reason) {columns} FROM {stage}
    ON CONFLICT (payload_sha, reason) DO UPDATE SET seen_count = stored.seen_count + 1, last_seen_at = now()
    RETURNING stored.xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new) FROM written"""


def append_predictions(connection: sa.Connection, frame: pl.DataFrame) -> pl.DataFrame:
    """Add predictions to the ledger; what is there already stays as it is.

    Returns the rows that were new: run_date, ticker, family, model_version, horizon, is_late.

    Columns: run_date, ticker, family, model_version, horizon, target_date, run_date_close, predicted_close,
    trained_through (null for a model without training), data_hash, price_basis, in_sample, is_replay, and optionally
    generated_at. The first (model_version, data_hash) of a (run_date, ticker, family) is the official one; rows of any
    other are marked late. A row trained past its run_date is marked in-sample whatever the frame says.
    """
    if frame.is_empty():
        return pl.DataFrame(schema=_NEW_PREDICTIONS)
    maker = pl.concat_str("model_version", "data_hash", separator=" ")
    ranked = frame.with_columns(is_late=maker != maker.first().over("run_date", "ticker", "family"))
    # Two writers at once could otherwise both be the first.
    connection.execute(sa.text("LOCK TABLE ldtm_predictions IN SHARE ROW EXCLUSIVE MODE"))
    with staged(connection, ldtm_predictions, ranked) as stage:
        plain = [name for name in frame.columns if name != "in_sample"]
        statement = _APPEND_PREDICTIONS.format(
            stage=stage, columns=", ".join(plain), sent=", ".join(f"sent.{name}" for name in plain)
        )
        added = [tuple(row) for row in connection.execute(sa.text(statement))]
    return pl.DataFrame(added, schema=_NEW_PREDICTIONS, orient="row")


_NEW_PREDICTIONS = {
    "run_date": pl.Date,
    "ticker": pl.String,
    "family": pl.String,
    "model_version": pl.String,
    "horizon": pl.String,
    "is_late": pl.Boolean,
}

_APPEND_PREDICTIONS = """
INSERT INTO ldtm_predictions ({columns}, in_sample, is_late)
SELECT {sent}, sent.in_sample OR coalesce(sent.trained_through > sent.run_date, false),
       CASE WHEN official.id IS NULL THEN sent.is_late
            ELSE (official.model_version, official.data_hash) <> (sent.model_version, sent.data_hash) END
FROM {stage} sent
LEFT JOIN LATERAL (
    SELECT * FROM ldtm_predictions p
    WHERE p.run_date = sent.run_date AND p.ticker = sent.ticker AND p.family = sent.family AND NOT p.is_late
    LIMIT 1
) official ON true
ON CONFLICT ON CONSTRAINT ldtm_predictions_once_key DO NOTHING
RETURNING run_date, ticker, family, model_version, horizon, is_late"""


def write_snapshots(connection: sa.Connection, *, run_date: date, family: str) -> int:
    """Write the snapshot of each ticker that has an official ledger row of the champion's family; returns how many.

    A snapshot that is there stands: running a session again never rewrites what was officially predicted.
    """
    return connection.execute(sa.text(_WRITE_SNAPSHOTS), {"run_date": run_date, "family": family}).rowcount


_WRITE_SNAPSHOTS = """
WITH official AS (
    SELECT run_date, ticker, min(run_date_close) AS run_date_close, min(model_version) AS model_version,
           max(generated_at) AS generated_at, bool_or(in_sample) AS in_sample, bool_or(is_replay) AS is_replay,
           max(predicted_close) FILTER (WHERE horizon = 'next_day') AS next_day_pred,
           max(predicted_close) FILTER (WHERE horizon = 'next_monday') AS next_monday_pred,
           max(predicted_close) FILTER (WHERE horizon = 'one_month') AS one_month_pred,
           max(target_date) FILTER (WHERE horizon = 'next_day') AS next_day_target,
           max(target_date) FILTER (WHERE horizon = 'next_monday') AS next_monday_target,
           max(target_date) FILTER (WHERE horizon = 'one_month') AS one_month_target
    FROM ldtm_predictions
    WHERE run_date = :run_date AND family = :family AND NOT is_late
    GROUP BY run_date, ticker
)
INSERT INTO ldtm_daily_snapshots (
    run_date, ticker, generated_at, next_day_close_pred, next_monday_close_pred, one_month_close_pred, run_date_close,
    next_day_direction_pred, source_run_log_id, next_day_target_date, next_monday_target_date, one_month_target_date,
    model_version, in_sample, is_replay)
SELECT run_date, ticker, generated_at, next_day_pred, next_monday_pred, one_month_pred, run_date_close,
       CASE WHEN next_day_pred > run_date_close THEN 'UP' WHEN next_day_pred <= run_date_close THEN 'DOWN' END,
       (SELECT max(id) FROM ldtm_run_log run
        WHERE run.ticker = official.ticker AND run.mode = 'infer' AND run.status = 'success'
          AND run.run_date = official.run_date AND run.model_version = official.model_version),
       next_day_target, next_monday_target, one_month_target, model_version, in_sample, is_replay
FROM official
ON CONFLICT (run_date, ticker) DO NOTHING"""


def log_runs(connection: sa.Connection, frame: pl.DataFrame) -> int:
    """Add rows to the run log (columns as in ldtm_run_log, without id; run_at defaults to now); returns how many."""
    return append(connection, ldtm_run_log, frame)


def log_absences(connection: sa.Connection, frame: pl.DataFrame) -> int:
    """Add why tickers have no forecast of a session, unless the run log says the same already; returns how many."""
    known = sa.select(ldtm_run_log.c.run_date, ldtm_run_log.c.ticker, ldtm_run_log.c.error_msg).where(
        ldtm_run_log.c.run_date.in_(frame["run_date"].unique().to_list()),
        ldtm_run_log.c.mode == "infer",
        ldtm_run_log.c.status != "success",
    )
    told = {tuple(row) for row in connection.execute(known)}
    untold = [row not in told for row in frame.select("run_date", "ticker", "error_msg").rows()]
    return append(connection, ldtm_run_log, frame.filter(pl.Series(untold, dtype=pl.Boolean)))


def register_version(connection: sa.Connection, manifest: Mapping[str, object]) -> bool:
    """Record a trained model's manifest (the fields of model_versions); False when the version is known already.

    Fields that the table lacks are left out. Raises KeyError for a manifest without version, family or ticker.
    """
    required = {name: manifest[name] for name in ("version", "family", "ticker")}
    known = {column.name: manifest[column.name] for column in model_versions.columns if column.name in manifest}
    statement = insert(model_versions).values(known | required).on_conflict_do_nothing()
    return connection.execute(statement.returning(model_versions.c.version)).first() is not None


def promote(connection: sa.Connection, *, ticker: str, family: str, version: str, reason: str) -> bool:
    """Make a registered version the champion of its ticker and family; False when it is that already.

    Raises UnknownVersion when no such version of this ticker and family is registered.
    """
    registered = sa.select(model_versions.c.version).where(
        model_versions.c.version == version, model_versions.c.ticker == ticker, model_versions.c.family == family
    )
    if connection.execute(registered).first() is None:
        raise UnknownVersion(
            f"no {family} model {version!r} of {ticker} is registered: train it, or look at its name again"
        )
    history = _promotions(connection, ticker=ticker, family=family)
    if history and history[-1] == version:
        return False
    row = {"ticker": ticker, "family": family, "version": version, "reason": reason}
    connection.execute(sa.insert(model_promotions).values(row))
    return True


def rollback_champion(connection: sa.Connection, ticker: str) -> str:
    """Give the title back to the version that held it before the ticker's present champion first did; returns it.

    Raises UnknownVersion when there is no earlier champion of the same family.
    """
    table = model_promotions.c
    newest = sa.select(table.family).where(table.ticker == ticker).order_by(table.id.desc()).limit(1)
    family = connection.execute(newest).scalar()
    history = _promotions(connection, ticker=ticker, family=family or "")
    earlier = history[: history.index(history[-1])] if history else []
    if family is None or not earlier:
        raise UnknownVersion(f"{ticker} has no earlier champion to go back to")
    promote(connection, ticker=ticker, family=family, version=earlier[-1], reason=f"rolled back from {history[-1]}")
    return earlier[-1]


def _promotions(connection: sa.Connection, *, ticker: str, family: str) -> list[str]:
    table = model_promotions.c
    statement = sa.select(table.version).where(table.ticker == ticker, table.family == family).order_by(table.id)
    return list(connection.execute(statement).scalars())
