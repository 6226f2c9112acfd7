"""The reads that a language model, an MCP client or the JSON API may ask for: typed, parametrised, bounded.

Each is a plain function `(engine, args) -> result`, of the pydantic models of arguments.py and shapes.py:

    predictions(engine, PredictionsArgs) -> Predictions     the official forecasts of a session
    accuracy(engine, AccuracyArgs) -> Accuracy              the last 30 days by ticker, the fleet by horizon
    model_cards(engine, ModelCardsArgs) -> ModelCards       how each champion was trained, its skill, its latest signal
    headlines(engine, HeadlinesArgs) -> Headlines           the newest headlines
    history(engine, HistoryArgs) -> History                 past forecasts and what came true

The confidence scores and the TQQQ signal are in score_tools.py. No SQL is taken and nothing is written.
`args.tickers` empty means all; groups are the caller's business (toolbox.py).
"""

from collections.abc import Mapping
from datetime import date, datetime
from math import isfinite
from typing import Any, TypeVar

import polars as pl
import sqlalchemy as sa

from ldtm_platform.evaluation.comparison import Comparison
from ldtm_platform.evaluation.verdict import verdict
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.llm import shapes
from ldtm_platform.llm.arguments import AccuracyArgs, Args, HeadlinesArgs, HistoryArgs, ModelCardsArgs, PredictionsArgs
from ldtm_platform.warehouse import reads, remembered
from ldtm_platform.warehouse.provenance import provenance

FAMILY = "ldtm"

RowOf = TypeVar("RowOf", bound=shapes.Row)

_LONGEST_TITLE = 300
_ORDERS: Mapping[str, tuple[str, bool]] = {
    "ticker": ("ticker", False),
    "skill": ("skill_vs_persistence", True),
    "direction": ("direction_accuracy_pct", True),
    "error": ("avg_abs_pct_error", False),
}


def predictions(engine: sa.Engine, args: PredictionsArgs) -> shapes.Predictions:
    """The official forecasts of a session (the newest when none is named), by implied one-month return."""
    changes = [
        ((pl.col(f"{horizon}_close_pred") / pl.col("run_date_close") - 1) * 100).alias(f"{horizon}_change_pct")
        for horizon in HORIZONS
    ]
    frame = reads.signals(engine, args.session).with_row_index("rank", offset=1)
    found = _of(provenance(engine).marked(frame.with_columns(*changes)), args)
    buckets = {bucket: found.filter(pl.col("bucket") == bucket).height for bucket in ("bullish", "neutral", "bearish")}
    if args.bucket:
        found = found.filter(pl.col("bucket") == args.bucket)
    if args.lowest_first:
        found = found.sort("implied_1m_return_pct", nulls_last=True, maintain_order=True)
    return shapes.Predictions(
        source="ldtm_signals",
        as_of=_newest(found, "run_date"),
        total=found.height,
        rows=_rows(found, shapes.PredictionRow, args.limit),
        **buckets,
    )


def accuracy(engine: sa.Engine, args: AccuracyArgs) -> shapes.Accuracy:
    """How official forecasts came true: the last 30 days of each ticker, and all of them by horizon."""
    by, descending = _ORDERS[args.order]
    found = _of(provenance(engine).marked(reads.accuracy_30d(engine)), args)
    found = found.sort(by, descending=descending, nulls_last=True, maintain_order=True)
    return shapes.Accuracy(
        source="ldtm_accuracy_30d",
        as_of=_newest(found, "latest_run_date"),
        total=found.height,
        fleet=fleet_skill(engine),
        rows=_rows(found, shapes.AccuracyRow, args.limit),
    )


def fleet_skill(engine: sa.Engine) -> tuple[shapes.SkillRow, ...]:
    """All official out-of-sample forecasts against persistence, a row for each horizon that has matured ones."""
    frame = remembered.prediction_skill(engine).filter(pl.col("family") == FAMILY)
    errors = (pl.col("mean_abs_log_error", "persistence_mean_abs_log_error") * 100).name.suffix("_pct")
    said = [verdict(Comparison.of(row)) for row in frame.iter_rows(named=True)]
    told = frame.with_columns(errors, pl.Series("verdict", said, dtype=pl.String))
    told = told.rename({"sessions": "evaluated_sessions"})
    return _rows(told, shapes.SkillRow, len(HORIZONS))


def model_cards(engine: sa.Engine, args: ModelCardsArgs) -> shapes.ModelCards:
    """The champion of each ticker, or how its training failed."""
    of_test = [
        pl.col(name).str.json_path_match(f"$.test.{part}").cast(kind).alias(f"test_{name}_{part}")
        for name, kind in (("skill", pl.Float64), ("windows", pl.Int64))
        for part in (*HORIZONS, "total")
    ]
    trained = pl.col("windows").str.json_path_match("$.train.total").cast(pl.Int64).alias("train_windows")
    found = _of(provenance(engine).marked(reads.model_cards(engine)), args).with_columns(*of_test, trained)
    return shapes.ModelCards(
        source="ldtm_model_cards",
        as_of=_newest(found, "trained_through"),
        total=found.height,
        rows=_rows(found, shapes.ModelCardRow, args.limit),
    )


def headlines(engine: sa.Engine, args: HeadlinesArgs) -> shapes.Headlines:
    """The newest headlines, of the days before the newest of them."""
    frame = reads.headlines(engine, args.tickers or None, days=args.days, limit=args.limit)
    # A stored title is bounded, and one that is not must not crowd out the rest of what a model is given.
    frame = frame.with_columns(pl.col("title", "publisher").str.slice(0, _LONGEST_TITLE))
    newest = frame["published_at"].max()
    return shapes.Headlines(
        source="news_headlines",
        as_of=newest.date() if isinstance(newest, datetime) else None,
        total=_found(frame),
        rows=_rows(provenance(engine).marked(frame), shapes.HeadlineRow, args.limit),
    )


def history(engine: sa.Engine, args: HistoryArgs) -> shapes.History:
    """Past forecasts with what came true, newest first."""
    frame = reads.past_forecasts(engine, args.tickers or None, start=args.start, end=args.end, limit=args.limit)
    return shapes.History(
        source="ldtm_daily_snapshots",
        as_of=_newest(frame, "run_date"),
        total=_found(frame),
        rows=_rows(provenance(engine).marked(frame), shapes.HistoryRow, args.limit),
    )


def _of(frame: pl.DataFrame, args: Args) -> pl.DataFrame:
    return frame.filter(pl.col("ticker").is_in(list(args.tickers))) if args.tickers else frame


def _rows(frame: pl.DataFrame, model: type[RowOf], limit: int) -> tuple[RowOf, ...]:
    return tuple(model.model_validate(_finite(row)) for row in frame.head(limit).iter_rows(named=True))


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN and no infinity, and nobody should read one."""
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}


def _newest(frame: pl.DataFrame, column: str) -> date | None:
    newest = frame[column].max()
    return newest if isinstance(newest, date) else None


def _found(frame: pl.DataFrame) -> int:
    return int(frame["found"][0]) if frame.height else 0
