"""The columns of each result that people want to see first, with their titles: for terminal and page alike."""

from collections.abc import Mapping
from typing import Any

from ldtm_platform.llm import score_tools, shapes
from ldtm_platform.llm.kinds import Kind, kinds_of, shown
from ldtm_platform.llm.render import rows_of

TITLES: Mapping[type[shapes.Result], str] = {
    shapes.Predictions: "Forecasts",
    shapes.Accuracy: "Accuracy, last 30 days",
    shapes.ModelCards: "Model cards",
    shapes.Headlines: "Headlines",
    shapes.History: "Past forecasts and what came true",
    score_tools.Confidence: "Confidence",
    score_tools.TqqqSignals: "TQQQ signal",
}
_COLUMNS: Mapping[type[shapes.Result], Mapping[str, str]] = {
    shapes.Predictions: {
        "ticker": "ticker",
        "run_date": "session",
        "run_date_close": "close $",
        "next_day_close_pred": "next day $",
        "next_monday_close_pred": "next Monday $",
        "one_month_close_pred": "one month $",
        "implied_1m_return_pct": "month / next day %",
        "bucket": "bucket",
    },
    shapes.Accuracy: {
        "ticker": "ticker",
        "latest_run_date": "through",
        "evaluated_days": "days",
        "correct_directions": "hits",
        "evaluated_directions": "of",
        "avg_abs_pct_error": "error %",
        "persistence_avg_abs_pct_error": "tomorrow-is-today %",
        "skill_vs_persistence": "skill",
    },
    shapes.ModelCards: {
        "ticker": "ticker",
        "trained_through": "trained through",
        "epochs_run": "epochs",
        "best_val_loss": "val. loss",
        "persistence_val_loss": "tomorrow-is-today's",
        "test_skill_next_day": "skill next day",
        "test_windows_next_day": "windows",
        "test_skill_one_month": "skill one month",
        "test_windows_one_month": "windows",
        "implied_1m_return_pct": "month / next day %",
        "last_training_status": "last training",
    },
    shapes.Headlines: {"ticker": "ticker", "published_at": "published", "title": "headline", "publisher": "publisher"},
    shapes.History: {
        "ticker": "ticker",
        "run_date": "session",
        "run_date_close": "close $",
        "next_day_close_pred": "next day $",
        "next_day_actual": "came true $",
        "next_day_pct_error": "error %",
        "one_month_close_pred": "one month $",
        "one_month_actual": "came true $",
        "one_month_pct_error": "error %",
    },
    score_tools.Confidence: {
        "ticker": "ticker",
        "run_date": "session",
        "horizon": "horizon",
        "score": "score",
        "evaluated": "forecasts",
        "hits": "hits",
        "directions": "of",
        "wilson_low": "95 % from",
        "wilson_high": "to",
        "base_rate": "commoner direction",
        "rel_mae": "error / tomorrow-is-today",
        "coverage": "80 % interval held",
    },
    score_tools.TqqqSignals: {
        "run_date": "session",
        "exposure": "exposure",
        "confidence": "confidence",
        "reasons": "reasons",
        "verdict": "record",
        "disclaimer": "",
    },
}


def columns(result: shapes.Result) -> list[tuple[str, str, Kind | None]]:
    """Field, title and kind of each column that a result is shown with."""
    rows = rows_of(result)
    kinds = kinds_of(type(rows[0])) if rows else {}
    return [(name, title, kinds.get(name)) for name, title in _COLUMNS[type(result)].items()]


def cells(result: shapes.Result) -> list[dict[str, Any]]:
    """The rows as plain values: numbers rounded to their kind, dates and lists as text."""
    shown_columns = columns(result)
    return [{name: _value(getattr(row, name), kind) for name, _, kind in shown_columns} for row in rows_of(result)]


def _value(value: object, kind: Kind | None) -> object:
    if kind is not None and isinstance(value, int | float):
        return float(shown(value, kind)) if kind.decimals else value
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    return value if value is None or isinstance(value, str | bool) else str(value)
