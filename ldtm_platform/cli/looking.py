"""The commands that only look: the universe, and what is stale, missing or failed."""

import json

import typer

from ldtm_platform.cli.choosing import JsonOption
from ldtm_platform.cli.running import workbench
from ldtm_platform.cli.tables import show
from ldtm_platform.profiles import as_typed
from ldtm_platform.settings import load_settings
from ldtm_platform.universe import load_universe


def universe(as_json: JsonOption = False) -> None:
    """The tickers and groups, and the file that holds them."""
    settings = load_settings()
    loaded = load_universe(settings.universe)
    if as_json:
        print(json.dumps({"file": str(settings.universe), "tickers": loaded.tickers, "groups": dict(loaded.groups)}))
        return
    print(f"{len(loaded.tickers)} tickers in {len(loaded.groups)} groups, from {settings.universe}")
    for name, tickers in loaded.groups.items():
        print(f"{name:12} {len(tickers):3}  {' '.join(tickers)}")


def status(as_json: JsonOption = False) -> None:
    """What is stale, missing or failed, each with the command that mends it. Exit code 1 when something is."""
    from ldtm_platform.stages.hourly_status import with_hours
    from ldtm_platform.stages.status import platform_status

    with workbench(as_json=as_json) as bench:
        tickers = load_universe(bench.settings.universe).tickers
        report = platform_status(bench.engine, tickers, bench.settings.latest_session())
        if bench.settings.hourly:
            report = with_hours(report, bench.engine, tickers)
    if as_json:
        print(json.dumps(report.as_dict(), default=str))
    else:
        show(report.stages, empty="")
        if not report.costs.is_empty():
            print("\nwhat the last run of each stage cost:")
            show(report.costs.drop("dagster_run_id"), empty="")
        for problem in report.problems:
            print(f"\n{problem.what}\n  mend: {as_typed(problem.mend)}")
        for note in report.notes:
            print(f"\nnote: {note}")
        if not report.problems:
            print("\neverything is up to date")
    if report.problems:
        raise typer.Exit(1)


COMMANDS = (universe, status)
