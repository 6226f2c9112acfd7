"""The demo: from nothing to sixty scored sessions, point in time, and what to look at then."""

import typer
from rich.console import Console

from ldtm_platform.cli.pipeline import replay, train_run
from ldtm_platform.cli.running import RunReport, Workbench
from ldtm_platform.cli.tables import show
from ldtm_platform.sessions import session_offset
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse import reads

REPLAYED_SESSIONS = 60


def build(bench: Workbench) -> None:
    """Bring the demo's data up to its last session; what is there already is kept."""
    last = bench.settings.latest_session()
    first = session_offset(last, 1 - REPLAYED_SESSIONS)
    tickers = load_universe(bench.settings.universe).tickers
    _check(bench.on_tickers("ingest_tickers", "ingest", tickers))
    _check(bench.on_tickers("engineer_tickers", "engineer_features", tickers))
    if reads.model_cards(bench.engine).is_empty():
        # The models know nothing of the sessions that are replayed.
        _check(train_run(bench, tickers, None, None, session_offset(first, -1), False))
    _check(replay(bench, first, last))
    show(reads.prediction_skill(bench.engine), empty="no prediction has matured")
    show(reads.accuracy_30d(bench.engine), empty="no accuracy yet")


def what_to_look_at(address: str) -> None:
    """Say where the user interface is, what it shows, and how to stop it."""
    Console(stderr=True, highlight=False).print(
        f"\nThe demo is ready: {address}\n"
        f"  the graph of assets     {address}/asset-groups\n"
        f"  a ticker's model        {address}/assets/ldtm_checkpoints?partition=AAPL&view=partitions\n"
        f"  runs, and what failed   {address}/runs\n"
        'Above: every model beside "tomorrow is today" (ratio_to_persistence below 1 would be skill).\n'
        "Stop with Ctrl-C; a second start goes on from what is there.",
        markup=False,
    )


def _check(report: RunReport) -> None:
    """Say what failed; stop only when nothing at all could be done, so that one ticker does not stop a demo."""
    console = Console(stderr=True, highlight=False)
    for ticker, reason in report.failed.items():
        console.print(f"  {ticker}: {reason}", markup=False)
    if not report.success and not report.failed:
        console.print(f"{report.job} failed: {report.error}", markup=False)
        raise typer.Exit(1)
