"""How a run ended, read from its events, and said to people and scripts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import typer

from ldtm_platform.cli.tables import say

if TYPE_CHECKING:
    import dagster as dg

CHECK_EVALUATED = "ASSET_CHECK_EVALUATION"


@dataclass(frozen=True)
class RunReport:
    """How a run ended: what failed and what was left out, by name with reasons, and the error that stopped it."""

    job: str
    run_id: str
    success: bool
    failed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


def report_of(job: str, result: "dg.ExecuteInProcessResult") -> RunReport:
    """The report of a run; it succeeded only when no ticker failed."""
    failed, error = _failures(result)
    left_out = _left_out(result)
    for ticker, (status, message) in _without_forecast(result).items():
        (failed if status == "failed" else left_out)[ticker] = message
    return RunReport(job, result.run_id, result.success and not failed, failed, left_out, error)


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
    # Some reasons begin with the ticker themselves.
    failed = [f"  {ticker}: {reason.removeprefix(f'{ticker}: ')}" for ticker, reason in report.failed.items()]
    return [f"{report.job}: {len(report.failed)} failed; what is not named here is done", *failed, *left_out]


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
            failed |= dict(named.value)  # type: ignore[arg-type] # JSON metadata, which we wrote as a table of names
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


def _without_forecast(result: "dg.ExecuteInProcessResult") -> dict[str, tuple[str, str]]:
    """Tickers without a forecast of the run's last session: status and message, as the forecast's metadata tell."""
    told: Mapping[str, tuple[str, str]] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            metadata = event.step_materialization_data.materialization.metadata
        elif event.is_successful_output:
            metadata = event.step_output_data.metadata
        elif event.is_step_failure and event.step_failure_data.user_failure_data:
            metadata = event.step_failure_data.user_failure_data.metadata
        else:
            continue
        if "without_forecast" in metadata:
            told = metadata["without_forecast"].value  # type: ignore[assignment] # JSON metadata that we wrote
    return {ticker: (status, message) for ticker, (status, message) in told.items()}
