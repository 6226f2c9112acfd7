"""The commands that make data: each executes a Dagster job, as the schedules do."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

import typer

from ldtm_platform.cli.choosing import (
    AllOption,
    EpochsOption,
    GroupOption,
    JsonOption,
    ParallelOption,
    SessionOption,
    TickerOption,
    TogetherOption,
    chosen_session,
    chosen_tickers,
)
from ldtm_platform.cli.reports import RunReport, finish
from ldtm_platform.cli.running import FEATURES, HOURS, INGEST, TRAINING, Workbench, workbench
from ldtm_platform.cli.tables import say
from ldtm_platform.settings import load_settings
from ldtm_platform.worker.asking import ask

FromOption = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first session")]
ToOption = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last session, included")]


def ingest(
    ticker: TickerOption = None, group: GroupOption = None, all_: AllOption = False, as_json: JsonOption = False
) -> None:
    """Bring bars up to the last final session (the whole universe by default); hourly ones too, with LDTM_HOURLY."""
    with workbench(as_json=as_json) as bench:
        tickers = chosen_tickers(bench.settings, ticker, group, all_, default_all=True)
        finish(ingest_runs(bench, tickers), as_json=as_json)


def features(
    ticker: TickerOption = None, group: GroupOption = None, all_: AllOption = False, as_json: JsonOption = False
) -> None:
    """Engineer features from the bars (the whole universe by default)."""
    with workbench(as_json=as_json) as bench:
        tickers = chosen_tickers(bench.settings, ticker, group, all_, default_all=True)
        finish([bench.on_tickers(FEATURES, tickers)], as_json=as_json)


def train(
    ticker: TickerOption = None,
    group: GroupOption = None,
    all_: AllOption = False,
    epochs: EpochsOption = None,
    parallel: ParallelOption = None,
    through: SessionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train tickers; those already trained on the same data are left as they are."""
    with workbench(as_json=as_json) as bench:
        tickers = chosen_tickers(bench.settings, ticker, group, all_)
        finish([train_run(bench, tickers, epochs, parallel, through)], as_json=as_json)


def infer(
    ticker: TickerOption = None,
    group: GroupOption = None,
    all_: AllOption = False,
    session: SessionOption = None,
    _parallel: TogetherOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forecast tickers as of a session and print each forecast as JSON."""
    settings = load_settings()
    tickers, day = chosen_tickers(settings, ticker, group, all_), chosen_session(settings, session)
    if answer := ask(settings, tickers, day):
        report, forecasts = RunReport(**answer.report), answer.forecasts
    else:
        with workbench(as_json=as_json) as bench:
            report, forecasts = infer_run(bench, tickers, day), forecasts_of(bench, tickers, day)
    print_forecasts(forecasts, day, as_json=as_json)
    finish([report], as_json=as_json, forecasts=forecasts)


def both(
    ticker: TickerOption = None,
    group: GroupOption = None,
    all_: AllOption = False,
    epochs: EpochsOption = None,
    parallel: ParallelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train tickers, then forecast them as of the newest session."""
    with workbench(as_json=as_json) as bench:
        tickers = chosen_tickers(bench.settings, ticker, group, all_)
        day = chosen_session(bench.settings, None)
        reports = [train_run(bench, tickers, epochs, parallel, None), infer_run(bench, tickers, day)]
        forecasts = forecasts_of(bench, tickers, day)
        print_forecasts(forecasts, day, as_json=as_json)
        finish(reports, as_json=as_json, forecasts=forecasts)


def pipeline(
    session: SessionOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """The day's work for the whole universe: ingest, features, forecasts, snapshots, fill-back.

    With --from and --to the forecasts of past sessions are replayed, each from what was known then.
    """
    with workbench(as_json=as_json) as bench:
        last = chosen_session(bench.settings, to or session)
        first = chosen_session(bench.settings, from_) if from_ else last
        if first > last:
            raise typer.BadParameter(f"--from {first} is after {last}")
        finish([*daily_ingest_runs(bench), replay(bench, first, last)], as_json=as_json)


def snapshots(session: SessionOption = None, as_json: JsonOption = False) -> None:
    """Write a session's snapshots from its forecasts."""
    with workbench(as_json=as_json) as bench:
        day = chosen_session(bench.settings, session)
        finish([bench.run("snapshot_writing", partition=day.isoformat())], as_json=as_json)


def fillback(through: SessionOption = None, as_json: JsonOption = False) -> None:
    """Fill in the actual closes of every target that has matured."""
    with workbench(as_json=as_json) as bench:
        day = chosen_session(bench.settings, through)
        finish([bench.run("snapshot_fillback", partition=day.isoformat())], as_json=as_json)


COMMANDS = (ingest, features, train, infer, both, pipeline, snapshots, fillback)


def ingest_runs(bench: Workbench, tickers: Sequence[str]) -> list[RunReport]:
    """A run of the tickers' daily bars; then one of their hourly bars, where LDTM_HOURLY names a source."""
    stages = [INGEST] if bench.settings.hourly is None else [INGEST, HOURS]
    return [bench.on_tickers(stage, tickers) for stage in stages]


def daily_ingest_runs(bench: Workbench) -> list[RunReport]:
    """What is due after the close, for the whole universe: bars and features in one run; then hourly bars, where set.

    Where a ticker's bars failed, the features of the others follow in a run of their own, as by the sensors.
    """
    from ldtm_platform.defs.schedules import whole_universe

    tickers = chosen_tickers(bench.settings, None, None, True)
    daily = bench.run("daily_ingest", tags=whole_universe())
    hourly = [] if bench.settings.hourly is None else [bench.on_tickers(HOURS, tickers)]
    features = [] if daily.success else [bench.on_tickers(FEATURES, tickers)]
    return [daily, *hourly, *features]


def train_run(
    bench: Workbench,
    tickers: Iterable[str],
    epochs: int | None,
    parallel: int | None,
    through: datetime | date | None,
) -> RunReport:
    """One training run of any tickers."""
    day = f"{through:%Y-%m-%d}" if through else None
    return bench.on_tickers(TRAINING, list(tickers), epochs=epochs, workers=parallel, through=day)


def infer_run(bench: Workbench, tickers: Sequence[str], session: date) -> RunReport:
    """One inference run of any tickers, as of a session; it failed when none of them has a forecast."""
    from ldtm_platform.defs.partitions import TICKERS

    if list(tickers) == TICKERS.get_partition_keys():
        report = bench.run("inference", partition=session.isoformat())
    else:
        config = {"session": session.isoformat(), "tickers": list(tickers)}
        report = bench.run("forecast_tickers", config={"ops": {"forecast": {"config": config}}})
    if report.success and len(report.left_out) == len(tickers):
        return replace(report, success=False, error=f"none of {len(tickers)} tickers has a forecast of {session}")
    return report


def replay(bench: Workbench, first: date, last: date, *, say_lines: bool = True) -> RunReport:
    """One daily_inference run over the sessions from first to last, both included."""
    from ldtm_platform.defs.reporting import range_tags

    return bench.run("daily_inference", tags=range_tags(first.isoformat(), last.isoformat()), say_lines=say_lines)


def forecasts_of(bench: Workbench, tickers: Iterable[str], session: date) -> list[dict[str, Any]]:
    """The champion's forecasts of a session, as JSON has them."""
    from ldtm_platform.warehouse import reads
    from ldtm_platform.warehouse.provenance import provenance

    wanted, simulated = set(tickers), provenance(bench.engine).simulated
    rows = reads.latest_forecasts(bench.engine, session).rows(named=True)
    return [row | {"is_simulated": row["ticker"] in simulated} for row in rows if row["ticker"] in wanted]


def print_forecasts(rows: Sequence[Mapping[str, Any]], session: date, *, as_json: bool) -> None:
    """Forecasts of a session in the seed's JSON form, a line each, unless one document is wanted."""
    if not as_json:
        for row in rows:
            print(json.dumps({name: value for name, value in row.items() if name not in ("in_sample", "is_simulated")}))
    if made_up := [str(row["ticker"]) for row in rows if row["is_simulated"]]:
        say(f"from simulated prices, which say nothing about any market: {', '.join(made_up)}")
    if seen := [str(row["ticker"]) for row in rows if row["in_sample"]]:
        say(f"in-sample, counted nowhere: trained on data after {session}: {', '.join(seen)}")
