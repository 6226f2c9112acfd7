"""Running Dagster jobs from a terminal: in this process, recorded in the instance, with bars instead of event logs."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import typer

from ldtm_platform.cli.tables import say
from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.stack.session import platform_session

if TYPE_CHECKING:
    import dagster as dg


CHECK_EVALUATED = "ASSET_CHECK_EVALUATION"


@dataclass(frozen=True)
class TickerStage:
    """A stage by ticker: the job and asset for the whole universe, the job and op for any list of tickers."""

    fleet_job: str
    asset: str
    list_job: str
    op: str


INGEST = TickerStage("market_data_ingest", "market_data_daily", "ingest_tickers", "ingest")
FEATURES = TickerStage("feature_engineering", "engineered_features", "engineer_tickers", "engineer_features")
TRAINING = TickerStage("full_retrain", "ldtm_checkpoints", "train_tickers", "train")


@dataclass(frozen=True)
class RunReport:
    """How a run ended: what failed and what was left out, by name with reasons, and the error that stopped it."""

    job: str
    run_id: str
    success: bool
    failed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


class Workbench:
    """Dagster's jobs and the warehouse, ready to use in this process."""

    def __init__(self, settings: Settings, *, as_json: bool) -> None:
        import dagster as dg

        from ldtm_platform.definitions import defs

        self.settings = settings
        self.engine = sa.create_engine(os.environ["LDTM_DATABASE_URL"])
        self.instance = dg.DagsterInstance.get()
        self._defs: dg.Definitions = defs
        self._as_json = as_json

    def run(
        self,
        job: str,
        *,
        config: Mapping[str, Any] | None = None,
        partition: str | None = None,
        tags: Mapping[str, str] | None = None,
        say_lines: bool = True,
    ) -> RunReport:
        """Execute a job here and now; its progress goes to the terminal, its events to the instance."""
        from ldtm_platform.resources.progress import TerminalProgress
        from ldtm_platform.stack.orphans import PROCESS_TAG, this_process

        result = self._defs.resolve_job_def(job).execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **(config or {})},
            instance=self.instance,
            partition_key=partition,
            raise_on_error=False,
            tags={PROCESS_TAG: this_process(), **(tags or {})},
            resources={"progress": TerminalProgress(say_lines=say_lines and not self._as_json)},
        )
        failed, error = _failures(result)
        return RunReport(job, result.run_id, result.success, failed, _left_out(result), error)

    def on_tickers(self, stage: TickerStage, tickers: Sequence[str], **config: object) -> RunReport:
        """Execute a stage for the whole universe, with the checks that guard it, or for any list of tickers."""
        from ldtm_platform.defs.partitions import TICKERS
        from ldtm_platform.defs.schedules import whole_universe

        given = {name: value for name, value in config.items() if value is not None}
        if list(tickers) == TICKERS.get_partition_keys():
            settings = {"ops": {stage.asset: {"config": given}}} if given else {}
            return self.run(stage.fleet_job, config=settings, tags=whole_universe())
        return self.run(stage.list_job, config={"ops": {stage.op: {"config": {"tickers": list(tickers), **given}}}})


@contextmanager
def workbench(*, as_json: bool = False) -> Iterator[Workbench]:
    """PostgreSQL up, schema current, jobs loaded."""
    from ldtm_platform.stack.orphans import report_orphans

    settings = load_settings()
    with platform_session(settings):
        bench = Workbench(settings, as_json=as_json)
        # A terminal that was killed in a run would hold its pool's slots.
        report_orphans(bench.instance, of_daemon=False)
        try:
            yield bench
        finally:
            bench.engine.dispose()
            bench.instance.dispose()


def _failures(result: "dg.ExecuteInProcessResult") -> tuple[dict[str, str], str]:
    failed: dict[str, str] = {}
    error = ""
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        user = data.user_failure_data
        named = user.metadata.get("failed") if user else None
        if named is not None:
            failed |= dict(named.value)  # type: ignore[arg-type]
        elif user and user.description:
            error = user.description
        elif data.error:
            cause = data.error.cause or data.error
            error = cause.message.strip()
    blocking = [f"{check.check_name}: {check.description}" for check in _failed_checks(result)]
    return failed, "; ".join(blocking) or error


def _failed_checks(result: "dg.ExecuteInProcessResult") -> "list[dg.AssetCheckEvaluation]":
    """The checks that failed as errors: those that block."""
    evaluations = [e.asset_check_evaluation_data for e in result.all_events if e.event_type_value == CHECK_EVALUATED]
    return [each for each in evaluations if not each.passed and each.severity.value == "ERROR"]


def _left_out(result: "dg.ExecuteInProcessResult") -> dict[str, str]:
    """Tickers that were left out for a named reason, which their materialization tells."""
    left_out: dict[str, str] = {}
    for event in result.all_events:
        if event.is_step_materialization and event.partition:
            told = event.step_materialization_data.materialization.metadata
            if "message" in told and told["state"].value not in ("ok", "unchanged"):
                left_out[event.partition] = str(told["message"].value)
    return left_out


def finish(reports: Sequence[RunReport], *, as_json: bool, **extra: object) -> None:
    """Say how the runs ended and leave with exit code 1 when something failed."""
    if as_json:
        print(json.dumps({"runs": [asdict(report) for report in reports], **extra}, default=str))
    else:
        for report in reports:
            for line in summary(report):
                say(line)
    if not all(report.success for report in reports):
        raise typer.Exit(1)


def summary(report: RunReport) -> list[str]:
    """How a run ended, in lines for people."""
    left_out = [f"  left out: {reason}" for reason in report.left_out.values()]
    if report.success:
        return [f"{report.job}: done", *left_out]
    if not report.failed:
        return [f"{report.job}: failed: {report.error or 'see the run in the Dagster UI'}", *left_out]
    failed = [f"  {ticker}: {reason}" for ticker, reason in report.failed.items()]
    return [f"{report.job}: {len(report.failed)} failed, the others are done", *failed, *left_out]
