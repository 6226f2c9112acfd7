"""The operations page's table of what the last run of each stage cost."""

import polars as pl
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts import grids
from ldtm_platform.dashboard.parts.grids import column

_COSTS = (
    column("stage", "Stage", minWidth=110),
    column("finished", "Ended (UTC)", minWidth=136),
    column("status", "Status", minWidth=90),
    column("units", "Parts", kind="count", minWidth=80, tip="Tickers or sessions of the run"),
    column("wall_sec", "Seconds", kind="number", minWidth=100),
    column(
        "queue_sec",
        "Waited s",
        kind="number",
        minWidth=100,
        tip="In the queue; empty for runs that no queue held",
    ),
    column("cpu_sec", "CPU s", kind="number", minWidth=90, tip="Of the process and its workers"),
    column("peak_memory_mib", "Peak MiB", kind="count", minWidth=100, tip="Of the process meanwhile, or of a worker"),
    column("gpu_peak_memory_mib", "GPU MiB", kind="count", minWidth=100),
    column("run", "Run", minWidth=84, pinned="right", maxWidth=90, cellRenderer="RunLink"),
)


def stage_costs(costs: pl.DataFrame, ui: str) -> Component:
    """What the newest run of each stage took; links go to the Dagster UI at that address."""
    if costs.is_empty():
        return html.P("No stage has run yet, so none has a cost.", className="section-note")
    rows = costs.select(
        *(each["field"] for each in _COSTS if each["field"] not in ("finished", "run")),
        finished=pl.col("finished_at").dt.strftime("%Y-%m-%d %H:%M"),
        run=pl.col("dagster_run_id").str.head(8),
        run_url=pl.lit(f"{ui}/runs/") + pl.col("dagster_run_id"),
    ).with_columns(pl.col("peak_memory_mib", "gpu_peak_memory_mib").round(0))
    note = "Of each stage, its newest run: time by the clock and of the processors, and the most memory held meanwhile."
    return grids.grid("operations-costs", _COSTS, rows.rows(named=True), title="What each stage cost", note=note)
