"""The demo: from nothing to sixty scored sessions, point in time, and what to look at then."""

from typing import TYPE_CHECKING

import polars as pl
import typer

from ldtm_platform.cli.pipeline import replay, train_run
from ldtm_platform.cli.reports import RunReport, summary
from ldtm_platform.cli.running import FEATURES, INGEST, Workbench
from ldtm_platform.cli.tables import say, show
from ldtm_platform.evaluation.comparison import Comparison
from ldtm_platform.evaluation.verdict import BRIEFLY, percents
from ldtm_platform.models.persistence import Persistence
from ldtm_platform.sessions import session_offset
from ldtm_platform.universe import SURVIVORSHIP, load_universe
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.provenance import provenance

if TYPE_CHECKING:
    from ldtm_platform.stack.up import Addresses

REPLAYED_SESSIONS = 60


def build(bench: Workbench) -> None:
    """Bring the demo's data up to its last session; what is there already is kept."""
    last = bench.settings.latest_session()
    first = session_offset(last, 1 - REPLAYED_SESSIONS)
    tickers = load_universe(bench.settings.universe).tickers
    _go_on(bench.on_tickers(INGEST, tickers))
    _go_on(bench.on_tickers(FEATURES, tickers))
    if reads.model_cards(bench.engine)["version"].drop_nulls().is_empty():
        # The models know nothing of the sessions that are replayed.
        _go_on(train_run(bench, tickers, None, None, session_offset(first, -1)))
    _go_on(replay(bench, first, last, say_lines=False))
    _go_on(bench.run("news", say_lines=False))
    print(f"\nForecasts of {REPLAYED_SESSIONS} sessions, {first} to {last}, each from what was known then:")
    show(skill_table(reads.prediction_skill(bench.engine)), empty="no prediction has matured")
    print(SURVIVORSHIP)
    if apart := provenance(bench.engine).apart:
        print(f"Not in this table: {', '.join(apart)}. Their prices are simulated, for the TQQQ tab to show something.")


def skill_table(skill: pl.DataFrame) -> pl.DataFrame:
    """Each trained family's mean error beside that of "tomorrow is today" on the same rows, and the verdict."""
    models = skill.filter(pl.col("family") != Persistence.name)
    rows = models.rows(named=True)
    return models.select(
        pl.col("family").alias("model"),
        pl.col("horizon").alias("forecast"),
        "n",
        (pl.col("mean_abs_log_error") * 100).alias("mean error %"),
        (pl.col("persistence_mean_abs_log_error") * 100).alias("tomorrow-is-today %"),
        (100 * pl.col("skill")).alias("skill %"),
        pl.Series("95 %", [percents(row["skill_low"], row["skill_high"]) or "-" for row in rows], dtype=pl.String),
        pl.Series("verdict", [BRIEFLY[Comparison.of(row).outcome] for row in rows], dtype=pl.String),
    )


def what_to_look_at(where: "Addresses") -> None:
    """Say where the dashboard and the Dagster UI are, what they show, and how to stop them."""
    print(
        f"""
Skill is 1 - error / error of "tomorrow is today", and only a 95 % interval that lies above 0 is a claim. Most daily
price models have none, and sixty sessions of overlapping forecasts could not prove any: read the README's "Honest
results" before you believe a number.

The demo is ready: {where.dashboard}
  a ticker               {where.dashboard}/?tab=ticker_view&ticker=AAPL
  all forecasts          {where.dashboard}/?tab=todays_predictions
  how they came true     {where.dashboard}/?tab=accuracy_leaderboard
  the TQQQ signal        {where.dashboard}/?tab=tqqq_signal
  for programs           {where.dashboard}/api/v1/docs
The graph that makes it: {where.dagster}
  assets                 {where.dagster}/asset-groups
  runs, and what failed  {where.dagster}/runs
Stop with Ctrl-C; a second start goes on from what is there.""",
        flush=True,
    )


def _go_on(report: RunReport) -> None:
    """Say what failed; stop only when nothing at all could be done, so that one ticker does not stop a demo."""
    if report.success:
        return
    for line in summary(report):
        say(line)
    if not report.failed:
        raise typer.Exit(1)
