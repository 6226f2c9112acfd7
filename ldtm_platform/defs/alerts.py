"""Alerts: a POST tells once of a check that begins to fail, of one that passes again, and of a run that failed."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from ldtm_platform.settings import load_settings

SECONDS = 10.0
# A fleet's worth of names is for the UI to list.
LETTERS = 300
_SWITCHED_OFF = "no address for alerts is set (LDTM_ALERT_URL)"


class AlertRefused(RuntimeError):
    """The address did not take an alert; the message does not name it."""


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def alerts_of_checks(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Tell which asset checks have begun to fail and which are mended, where LDTM_ALERT_URL is set."""
    if load_settings().alert_url is None:
        return dg.SkipReason(_SWITCHED_OFF)
    told: dict[str, str] = json.loads(context.cursor or "{}")
    failing = _failing(context, told)
    begun = [f"check failed: {name}: {what}" for name, what in failing.items() if name not in told]
    mended = [f"check passes again: {name}" for name in told if name not in failing]
    if begun or mended:
        post([*begun, *mended])
    # After the post: what could not be told is told by the next tick.
    context.update_cursor(json.dumps(failing))
    return dg.SkipReason(f"told {len(begun)} that fail, {len(mended)} mended; {len(failing)} fail in all")


@dg.run_failure_sensor(
    name="alerts_of_runs",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tell which runs have failed, where LDTM_ALERT_URL is set.",
)
def alerts_of_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Tell of one failed run, with the reasons that its steps gave."""
    if load_settings().alert_url is None:
        return dg.SkipReason(_SWITCHED_OFF)
    reasons = [event.step_failure_data.user_failure_data for event in context.get_step_failure_events()]
    said = "; ".join(reason.description for reason in reasons if reason and reason.description)
    post([f"run failed: {context.dagster_run.job_name}: {said or context.failure_event.message}"])
    return None


def post(lines: list[str]) -> None:
    """Send lines as `{"text": ...}`, which Slack, Mattermost and their like take. Raises AlertRefused."""
    address = load_settings().alert_url
    assert address is not None
    text = "\n".join(f"LD-TM: {line if len(line) <= LETTERS else line[: LETTERS - 1] + '…'}" for line in lines)
    body = json.dumps({"text": text}).encode()
    try:
        # Not by httpx, which logs addresses; whoever knows this one may post there.
        request = urllib.request.Request(
            address.get_secret_value(), body, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=SECONDS):
            pass
    except urllib.error.HTTPError as error:
        raise AlertRefused(f"the address of LDTM_ALERT_URL answered {error.code}") from None
    except OSError as error:
        why = getattr(error, "reason", error)
        said = getattr(why, "strerror", None) or type(why).__name__
        raise AlertRefused(f"the address of LDTM_ALERT_URL cannot be reached ({said})") from None


def _failing(context: dg.SensorEvaluationContext, before: Mapping[str, str]) -> dict[str, str]:
    """The checks whose last evaluation failed, with what it said; a check that is being evaluated stays as it was."""
    assert context.repository_def is not None
    keys = list(context.repository_def.asset_checks_defs_by_key)
    records = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    names = {key: f"{key.asset_key.to_user_string()}.{key.name}" for key in keys}
    failing = {}
    for key, record in records.items():
        if record.status is AssetCheckExecutionRecordStatus.FAILED:
            failing[names[key]] = _said(record)
        elif record.status is AssetCheckExecutionRecordStatus.PLANNED and names[key] in before:
            failing[names[key]] = before[names[key]]
    return dict(sorted(failing.items()))


def _said(record: AssetCheckExecutionRecord) -> str:
    """What the check said, a warning marked as one."""
    assert record.event is not None
    assert record.event.dagster_event is not None
    found = record.event.dagster_event.asset_check_evaluation_data
    mark = "(warning) " if found.severity is dg.AssetCheckSeverity.WARN else ""
    return f"{mark}{found.description or 'see the Dagster UI'}"
