"""The operations page's table of targets that no bar will ever fill."""

import polars as pl
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts import grids
from ldtm_platform.dashboard.parts.grids import column
from ldtm_platform.dashboard.parts.text import plural

_ENDED = (
    column("ticker", "Ticker", minWidth=84, cellRenderer="TickerLink"),
    column("horizon", "Forecast", minWidth=110),
    column("run_date", "Made on", kind="day", minWidth=110),
    column("target_date", "Target", kind="day", minWidth=110),
    column("last_bar", "Last bar", kind="day", minWidth=110),
    column("reason", "Why", minWidth=240, flex=3),
)


def ended_targets(frame: pl.DataFrame) -> Component | None:
    """The rows of reads.ended_targets; None without any, which is the rule."""
    if frame.is_empty():
        return None
    return grids.grid(
        "operations-ended",
        _ENDED,
        frame.select(grids.fields(_ENDED)).with_columns(pl.col(pl.Date).dt.to_string("iso")).rows(named=True),
        title=f"{plural(frame.height, 'target')} that will never be filled",
        note="Forecasts of delisted tickers for sessions after the last bar: they count nowhere; nothing mends them.",
    )
