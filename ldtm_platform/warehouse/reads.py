"""The queries that stages, screens, metrics and answers use, as Polars frames. Nothing here writes."""

from collections.abc import Sequence
from datetime import date

import polars as pl
import sqlalchemy as sa
from psycopg.sql import SQL, Composed, Identifier, Literal

from ldtm_platform.evaluation import comparison
from ldtm_platform.features.engineer import restate
from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.warehouse import queries
from ldtm_platform.warehouse.frames import Schema, copied, selected
from ldtm_platform.warehouse.provenance import provenance
from ldtm_platform.warehouse.tables import PRICE_COLUMNS

# Columns of raw bars, in the order of the table.
BARS: Schema = {"ticker": pl.String, "date": pl.Date} | dict.fromkeys(PRICE_COLUMNS, pl.Float64) | {"volume": pl.Int64}
_ACTIONS: Schema = {"ticker": pl.String, "ex_date": pl.Date, "kind": pl.String, "value": pl.Float64}
_FEATURES: Schema = {"ticker": pl.String, "date": pl.Date} | dict.fromkeys([*FEATURES, "split_factor"], pl.Float64)


def bars(engine: sa.Engine, tickers: Sequence[str], *, through: date | None = None) -> pl.DataFrame:
    """Raw bars (ticker, date, open, high, low, close, volume) up to and including `through`, by ticker and date."""
    query = SQL("SELECT {} FROM market_data_daily WHERE ticker = ANY({}) AND date <= {}").format(
        _names(BARS), Literal(list(tickers)), Literal(through or date.max)
    )
    return copied(engine, query, BARS).sort("ticker", "date")


def actions(engine: sa.Engine, tickers: Sequence[str]) -> pl.DataFrame:
    """Splits, dividends and halts (ticker, ex_date, kind, value), by ticker and date."""
    query = SQL("SELECT {} FROM corporate_actions WHERE ticker = ANY({})").format(
        _names(_ACTIONS), Literal(list(tickers))
    )
    return copied(engine, query, _ACTIONS).sort("ticker", "ex_date", "kind")


def splits(engine: sa.Engine, tickers: Sequence[str]) -> pl.DataFrame:
    """Splits only (ticker, ex_date, value: new shares per old share), by ticker and date."""
    return actions(engine, tickers).filter(pl.col("kind") == "split").drop("kind")


def features(engine: sa.Engine, tickers: Sequence[str], *, through: date, last: int | None = None) -> pl.DataFrame:
    """Features (ticker, date, the 11) up to and including `through`, each ticker in the basis of its last row here.

    With `last`, only that many newest rows of each ticker. By ticker and date.
    """
    query = SQL(
        "SELECT {columns} FROM unnest({tickers}::text[]) AS asked(name) CROSS JOIN LATERAL ("
        "SELECT * FROM engineered_features WHERE ticker = asked.name AND date <= {through} "
        "ORDER BY date DESC LIMIT {last}) AS newest"
    ).format(
        columns=_names(_FEATURES),
        tickers=Literal(sorted(set(tickers))),
        through=Literal(through),
        last=Literal(last),
    )
    return restate(copied(engine, query, _FEATURES).sort("ticker", "date"))


def champions(engine: sa.Engine, session: date, family: str, ticker: str | None = None) -> pl.DataFrame:
    """The version that forecasts each ticker (or one) for a session: ticker, version, trained_through, in_sample.

    Today's champion where it was trained through the session or earlier; else the version trained last by then; without
    one, today's champion all the same, marked in_sample because it has seen what it would forecast. Versions whose
    files were pruned do not count.
    """
    if ticker is not None:
        return selected(engine, queries.CHAMPION_OF, session=session, family=family, ticker=ticker)
    return selected(engine, queries.CHAMPIONS, session=session, family=family)


def versions(engine: sa.Engine, ticker: str, family: str) -> pl.DataFrame:
    """The versions of a ticker that are kept, newest first: version, trained_through, created_at, is_champion."""
    return selected(engine, queries.VERSIONS, ticker=ticker, family=family)


def model_cards(engine: sa.Engine) -> pl.DataFrame:
    """One row per ticker that has a champion or that a training was tried for; `skill` is JSON text."""
    return selected(engine, queries.MODEL_CARDS)


def latest_forecasts(engine: sa.Engine, session: date, family: str = "ldtm") -> pl.DataFrame:
    """What the version that `champions` names for a session now has forecast, from the ledger.

    Columns: ticker, next_day_close, next_monday_close, one_month_close, in_sample. No row where it has not forecast.
    """
    return selected(engine, queries.LATEST_FORECASTS, session=session, family=family)


def signals(engine: sa.Engine, run_date: date | None = None) -> pl.DataFrame:
    """The snapshots of a session (the latest when None) with bucket and implied one-month return, highest first."""
    return selected(engine, queries.SIGNALS, run_date=run_date)


def snapshots(engine: sa.Engine, *, run_date: date | None = None, ticker: str | None = None) -> pl.DataFrame:
    """Whole snapshot rows, of one session, of one ticker, or all; by run_date and ticker."""
    return selected(engine, queries.SNAPSHOTS, run_date=run_date, ticker=ticker)


def accuracy_30d(engine: sa.Engine) -> pl.DataFrame:
    """View ldtm_accuracy_30d: one row per ticker with an out-of-sample snapshot in the last 30 calendar days.

    Beside its columns: skill_low and skill_high, the 95 % interval of skill_vs_persistence.
    """
    known = selected(engine, 'SELECT * FROM ldtm_accuracy_30d ORDER BY ticker COLLATE "C"')
    return comparison.with_interval(known, known["evaluated_days"])


def prediction_skill(engine: sa.Engine) -> pl.DataFrame:
    """Official out-of-sample errors per family and horizon, each against persistence on the very same rows.

    Columns: family, horizon, n, sessions, mean_abs_log_error, persistence_mean_abs_log_error, ratio_to_persistence
    (below 1 is better than "tomorrow is today"), skill, skill_low and skill_high (its 95 % interval), first_run_date,
    last_run_date. Simulated tickers are left out where there are others (see provenance.py).
    """
    losses = selected(engine, queries.SESSION_LOSSES, apart=list(provenance(engine).apart))
    return comparison.by_horizon(losses)


def freshness(engine: sa.Engine) -> pl.DataFrame:
    """How far each ticker is that was ever ingested or trained; dates are null where a stage was not reached.

    Columns: ticker, state, message, source and checked_at of its last ingest, last_bar, last_feature, champion,
    trained_through, last_training_status, last_training_message, last_snapshot.
    """
    return selected(engine, queries.FRESHNESS)


def forecast_sessions(engine: sa.Engine, since: date) -> list[date]:
    """The sessions from a day on that have snapshots, oldest first."""
    return selected(engine, queries.FORECAST_SESSIONS, since=since)["run_date"].to_list()


def halted_tickers(engine: sa.Engine, session: date) -> list[str]:
    """The tickers with a recorded halt on the session: they have no bar of it, and nothing mends that."""
    return selected(engine, queries.HALTED, session=session)["ticker"].to_list()


def incomplete_tickers(engine: sa.Engine, tickers: Sequence[str]) -> list[tuple[str, str]]:
    """Those of the tickers whose last ingest found sessions missing, with its message."""
    return selected(engine, queries.INCOMPLETE_TICKERS, tickers=list(tickers)).rows()


def delisted_tickers(engine: sa.Engine) -> pl.DataFrame:
    """The tickers that have no bars any more: ticker, last_date, message."""
    return selected(engine, queries.DELISTED)


def newest_bars(engine: sa.Engine) -> dict[str, date]:
    """The newest bar stored of any ticker that a source served last, by source."""
    return dict(selected(engine, queries.NEWEST_BARS).iter_rows())


def ended_targets(engine: sa.Engine) -> pl.DataFrame:
    """Targets after a delisting: run_date, ticker, horizon, target_date, last_bar, reason."""
    return selected(engine, queries.ENDED_TARGETS)


def overdue_targets(engine: sa.Engine) -> pl.DataFrame:
    """Targets that the ticker's bars have reached or passed and that are not filled: ticker, target_date, snapshots."""
    return selected(engine, queries.OVERDUE_TARGETS)


def stage_costs(engine: sa.Engine) -> pl.DataFrame:
    """What each stage's newest run cost (stage_benchmarks), by when it ended."""
    return selected(engine, queries.STAGE_COSTS)


def ingest_states(engine: sa.Engine) -> pl.DataFrame:
    """What the last ingest of each ticker found (market_data_status), by ticker."""
    return selected(engine, 'SELECT * FROM market_data_status ORDER BY ticker COLLATE "C"')


def quarantined(engine: sa.Engine) -> pl.DataFrame:
    """Refused vendor rows per ticker and reason: ticker, reason, rows, first_date, last_date, last_seen_at."""
    return selected(engine, queries.QUARANTINED)


def pulse(engine: sa.Engine) -> pl.DataFrame:
    """One row, quickly: how many tickers there are, how many of them ingested well, and the newest of each stage.

    Columns: tickers, tickers_ok, last_bar, checked_at, last_snapshot, last_prediction (the ledger's newest id).
    """
    return selected(engine, queries.PULSE)


def headlines(engine: sa.Engine, tickers: Sequence[str] | None, *, days: int, limit: int) -> pl.DataFrame:
    """The newest headlines of some tickers (of all when None), of the days before the newest of them.

    Columns: ticker, published_at, title, publisher, url, found (how many there are without the limit).
    """
    asked = None if tickers is None else list(tickers)
    return selected(engine, queries.HEADLINES, tickers=asked, days=days, limit=limit)


def past_forecasts(
    engine: sa.Engine,
    tickers: Sequence[str] | None,
    *,
    start: date | None = None,
    end: date | None = None,
    limit: int,
) -> pl.DataFrame:
    """Snapshots of some tickers (of all when None) with what came true, newest first, sessions `start` to `end`.

    Beside the snapshot's own columns: found (how many there are without the limit).
    """
    asked = None if tickers is None else list(tickers)
    return selected(engine, queries.PAST_FORECASTS, tickers=asked, start=start, end=end, limit=limit)


def confidence(engine: sa.Engine, run_date: date | None = None) -> pl.DataFrame:
    """The confidence of a session's forecasts (the latest scored when None): score and parts by ticker and horizon.

    A null score means "not enough evidence"; a forecast without a row was made in sample, or is not scored yet.
    """
    return selected(engine, queries.CONFIDENCE, run_date=run_date)


def implied_returns(engine: sa.Engine, tickers: Sequence[str], first: date, last: date) -> pl.DataFrame:
    """What the champions implied out of sample for tickers, sessions first to last, and the month's confidence.

    Columns: run_date, ticker, implied_1m_return_pct, score (null: not enough evidence), model_version, is_replay.
    """
    return selected(engine, queries.IMPLIED_RETURNS, tickers=list(tickers), first=first, last=last)


def tqqq_signal(engine: sa.Engine, session: date | None = None) -> pl.DataFrame:
    """The TQQQ signal of a session (the latest when None), one row or none; `summary` is JSON text."""
    return selected(engine, queries.TQQQ_SIGNAL, session=session)


def tqqq_signals(engine: sa.Engine, *, through: date | None = None) -> pl.DataFrame:
    """Every stored TQQQ signal up to a session, oldest first: session, exposure, confidence, is_replay."""
    return selected(engine, queries.TQQQ_SIGNALS, through=through)


def _names(schema: Schema) -> Composed:
    return SQL(", ").join(Identifier(name) for name in schema)
