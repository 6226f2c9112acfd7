"""The newest forecasts of a ticker as a table, each with what came true and persistence's error beside its own."""

from typing import Any

import polars as pl
from dash.development.base_component import Component

from ldtm_platform.dashboard.figures import history as drawable
from ldtm_platform.dashboard.parts import grids
from ldtm_platform.dashboard.parts.grids import column

ROWS = 63

_COLUMNS = (
    column("run_date", "Made on", kind="day", pinned="left", minWidth=94, maxWidth=96),
    column("run_date_close", "Close", kind="money"),
    column("next_day_target_date", "Next day", kind="day", minWidth=94),
    column("next_day_close_pred", "Forecast", kind="money"),
    column("next_day_actual", "Actual", kind="money"),
    column("direction", "Direction", tip="Whether the next-day forecast had the direction right", minWidth=78),
    column("error_pct", "Error", kind="percent", tip="Absolute next-day error, of the actual close"),
    column("persistence_error_pct", "Tomorrow-is-today", kind="percent", minWidth=100, tip="Persistence's error"),
    column("one_month_target_date", "One month", kind="day", minWidth=94),
    column("one_month_close_pred", "Forecast", kind="money"),
    column("one_month_actual", "Actual", kind="money"),
    column(
        "how",
        "Made",
        minWidth=82,
        tip="live: that evening; replay: afterwards, from what was known then; in sample: not scored",
    ),
    column("model_version", "Model", minWidth=130, flex=3, tooltipField="model_version"),
)


def forecast_grid(ticker: str, history: pl.DataFrame, chosen: dict[str, Any], said: str) -> Component:
    """The newest forecasts up to the chosen session, newest first. said: what their record is worth, in a sentence."""
    newest = history.tail(ROWS).reverse()
    scored = drawable.errors(history, "next_day")
    rows = newest.join(scored.select("run_date", "error_pct", "persistence_error_pct"), on="run_date", how="left")
    shown = rows.sort("run_date", descending=True).with_columns(
        pl.col(pl.Date).dt.to_string("iso"), direction=_direction(), how=_how()
    )
    names = [definition["field"] for definition in _COLUMNS]
    return grids.grid(
        "forecasts",
        _COLUMNS,
        shown.select(names).rows(named=True),
        title="Forecasts and what came true",
        note=f"The newest {newest.height} up to {chosen['run_date']}. {said}",
        row_id="run_date",
        height=420,
        file_name=f"{ticker}_forecasts",
    )


def _direction() -> pl.Expr:
    right = pl.col("next_day_direction_correct")
    return pl.when(right).then(pl.lit("✓ right")).when(~right).then(pl.lit("✕ wrong")).otherwise(pl.lit("open"))


def _how() -> pl.Expr:
    return (
        pl.when(pl.col("in_sample"))
        .then(pl.lit("in sample"))
        .when(pl.col("is_replay"))
        .then(pl.lit("replay"))
        .otherwise(pl.lit("live"))
    )
