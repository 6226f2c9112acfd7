"""One function per business write; each runs inside the caller's transaction, so that a run is written whole or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ldtm_platform.warehouse import statements
from ldtm_platform.warehouse.bulk import append, staged, upsert
from ldtm_platform.warehouse.tables import (
    engineered_features,
    ldtm_predictions,
    ldtm_run_log,
    market_data_quarantine,
    model_promotions,
    model_versions,
    stage_benchmarks,
)


class UnknownVersion(Exception):
    """A model version was named that is not registered, whose files are gone, or that never held the title."""


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
    stored = connection.execute(sa.text(statements.COUNT_FEATURES), {"ticker": ticker}).scalar_one()
    deleted = 0
    # As many as the frame has, all of them stored now: there are no others.
    if stored != frame.height:
        kept = {"ticker": ticker, "dates": frame["date"].to_list()}
        deleted = connection.execute(sa.text(statements.DELETE_OTHER_FEATURES), kept).rowcount
    return FeaturesReplaced(done.inserted, done.updated, done.unchanged, deleted)


def quarantine(connection: sa.Connection, frame: pl.DataFrame) -> int:
    """Keep rows that are no bars: ticker, date, source, reason, payload (JSON text), payload_sha; returns the new ones.

    A row seen before with the same reason is counted again instead of being stored twice.
    """
    if frame.is_empty():
        return 0
    with staged(connection, market_data_quarantine, frame) as stage:
        statement = statements.QUARANTINE.format(stage=stage, columns=", ".join(frame.columns))
        return int(connection.execute(sa.text(statement)).scalar_one())


def append_predictions(connection: sa.Connection, frame: pl.DataFrame) -> pl.DataFrame:
    """Add predictions to the ledger; what is there already stays as it is.

    Returns the rows that were new: run_date, ticker, family, model_version, horizon, is_late.

    Columns: run_date, ticker, family, model_version, horizon, target_date, run_date_close, predicted_close,
    trained_through (null for a model without training), data_hash, price_basis, in_sample, is_replay, and optionally
    generated_at. A row trained past its run_date is marked in-sample whatever the frame says. The first
    (model_version, data_hash) of a (run_date, ticker, family) that is not in-sample is the official one; rows of any
    other are marked late. In-sample rows are late as soon as there are others, so they stand in only until then.
    """
    if frame.is_empty():
        return pl.DataFrame(schema=_NEW_PREDICTIONS)
    maker = pl.concat_str("model_version", "data_hash", separator=" ")
    first, honest = maker.first(), maker.filter(~pl.col("in_sample")).first()
    official = pl.when("in_sample").then(first.over(_FORECAST)).otherwise(honest.over(_FORECAST))
    seen = pl.col("in_sample") | (pl.col("trained_through") > pl.col("run_date")).fill_null(value=False)
    ranked = frame.with_columns(in_sample=seen).with_columns(is_late=maker != official)
    # Two writers at once could otherwise both be the first.
    connection.execute(sa.text("LOCK TABLE ldtm_predictions IN SHARE ROW EXCLUSIVE MODE"))
    with staged(connection, ldtm_predictions, ranked) as stage:
        plain = [name for name in frame.columns if name != "in_sample"]
        statement = statements.APPEND_PREDICTIONS.format(
            stage=stage, columns=", ".join(plain), sent=", ".join(f"sent.{name}" for name in plain)
        )
        added = [tuple(row) for row in connection.execute(sa.text(statement))]
    return pl.DataFrame(added, schema=_NEW_PREDICTIONS, orient="row")


_FORECAST = ("run_date", "ticker", "family")
_NEW_PREDICTIONS = {
    "run_date": pl.Date,
    "ticker": pl.String,
    "family": pl.String,
    "model_version": pl.String,
    "horizon": pl.String,
    "is_late": pl.Boolean,
}


def write_snapshots(connection: sa.Connection, *, run_date: date, family: str) -> int:
    """Write the snapshot of each ticker that has an official ledger row of the champion's family; returns how many.

    A snapshot that is there stands: running a session again never rewrites what was officially predicted. Only one
    that is in-sample gives way, whole and with its actuals to be filled again, to a forecast that is not.
    """
    return connection.execute(sa.text(statements.WRITE_SNAPSHOTS), {"run_date": run_date, "family": family}).rowcount


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

    A version that was pruned and is there again is recorded anew. Fields that the table lacks are left out. Raises
    KeyError for a manifest without version, family or ticker.
    """
    required = {name: manifest[name] for name in ("version", "family", "ticker")}
    known = {column.name: manifest[column.name] for column in model_versions.columns if column.name in manifest}
    statement = insert(model_versions).values(known | required)
    again = statement.on_conflict_do_update(
        index_elements=["version"], set_=known | {"pruned_at": None}, where=model_versions.c.pruned_at.is_not(None)
    )
    return connection.execute(again.returning(model_versions.c.version)).first() is not None


def mark_pruned(connection: sa.Connection, versions: Sequence[str]) -> list[str]:
    """Record that the files of these versions are to be deleted; returns those that may be: all but champions.

    A version that is not registered may be deleted too. Delete only after the transaction has committed.
    """
    table = model_versions.c
    # A promotion that is under way holds the row: wait for it, then look who is champion.
    connection.execute(sa.select(table.version).where(table.version.in_(versions)).with_for_update())
    holding = set(connection.execute(sa.text(statements.CHAMPIONS_AMONG), {"versions": list(versions)}).scalars())
    free = [version for version in versions if version not in holding]
    connection.execute(
        sa.update(model_versions)
        .where(table.version.in_(free), table.pruned_at.is_(None))
        .values(pruned_at=sa.func.now())
    )
    return free


def promote(connection: sa.Connection, *, ticker: str, family: str, version: str, reason: str) -> bool:
    """Make a registered version the champion of its ticker and family; False when it is that already.

    Raises UnknownVersion when no such version of this ticker and family is registered, or its files were pruned.
    """
    table = model_versions.c
    registered = sa.select(table.version).where(
        table.version == version, table.ticker == ticker, table.family == family, table.pruned_at.is_(None)
    )
    if connection.execute(registered.with_for_update(read=True)).first() is None:
        raise UnknownVersion(
            f"no {family} model {version!r} of {ticker} is registered and kept: train it, or look at its name again"
        )
    history = _promotions(connection, ticker=ticker, family=family)
    if history and history[-1] == version:
        return False
    row = {"ticker": ticker, "family": family, "version": version, "reason": reason}
    connection.execute(sa.insert(model_promotions).values(row))
    return True


def rollback_champion(connection: sa.Connection, ticker: str) -> str:
    """Give the title back to the version that held it before the ticker's present champion first did; returns it.

    Versions whose files were pruned are passed over. Raises UnknownVersion when there is no earlier champion of the
    same family, or none that is kept.
    """
    table = model_promotions.c
    newest = sa.select(table.family).where(table.ticker == ticker).order_by(table.id.desc()).limit(1)
    family = connection.execute(newest).scalar()
    history = _promotions(connection, ticker=ticker, family=family or "")
    earlier = history[: history.index(history[-1])] if history else []
    if family is None or not earlier:
        raise UnknownVersion(f"{ticker} has no earlier champion to go back to")
    pruned = sa.select(model_versions.c.version).where(
        model_versions.c.version.in_(earlier), model_versions.c.pruned_at.is_not(None)
    )
    gone = set(connection.execute(pruned).scalars())
    kept = [version for version in earlier if version not in gone]
    if not kept:
        raise UnknownVersion(
            f"{ticker} has no earlier champion left on disk to go back to: {', '.join(dict.fromkeys(earlier))} "
            f"{'was' if len(gone) == 1 else 'were'} pruned (keep_checkpoints says how many are kept). {history[-1]} "
            "stays champion; training through an earlier session makes an earlier model again"
        )
    promote(connection, ticker=ticker, family=family, version=kept[-1], reason=f"rolled back from {history[-1]}")
    return kept[-1]


def record_stage_cost(connection: sa.Connection, row: Mapping[str, object]) -> None:
    """Keep what a stage of a run cost: the columns of stage_benchmarks but id and finished_at."""
    connection.execute(sa.insert(stage_benchmarks).values(row))


def _promotions(connection: sa.Connection, *, ticker: str, family: str) -> list[str]:
    table = model_promotions.c
    statement = sa.select(table.version).where(table.ticker == ticker, table.family == family).order_by(table.id)
    return list(connection.execute(statement).scalars())
