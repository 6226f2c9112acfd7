"""Runs that a crash left behind are reported failed; runs that live are left alone."""

import subprocess
import sys
from collections.abc import Iterator, Mapping

import dagster as dg
import psutil
import pytest

from ldtm_platform.stack.orphans import PROCESS_TAG, report_orphans, this_process


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@dg.job
def some_work() -> None:
    """Nothing to do."""


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: Mapping[str, str] | None = None) -> str:
    created = instance.create_run_for_job(some_work, status=status, tags=dict(tags or {}))
    return created.run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return found.status


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
)
def test_a_run_in_flight_without_a_process_is_reported_failed(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    orphan = run(instance, status)
    assert report_orphans(instance, of_daemon=True) == [orphan]
    assert status_of(instance, orphan) is dg.DagsterRunStatus.FAILURE
    assert report_orphans(instance, of_daemon=True) == []


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
)
def test_runs_that_wait_or_have_ended_are_left_alone(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    other = run(instance, status)
    assert report_orphans(instance, of_daemon=True) == []
    assert status_of(instance, other) is status


def test_a_run_of_a_living_terminal_is_left_alone(instance: dg.DagsterInstance) -> None:
    mine = run(instance, dg.DagsterRunStatus.STARTED, {PROCESS_TAG: this_process()})
    assert report_orphans(instance, of_daemon=True) == []
    assert status_of(instance, mine) is dg.DagsterRunStatus.STARTED


def test_a_run_of_a_killed_terminal_is_reported_failed(instance: dg.DagsterInstance) -> None:
    tell = "from ldtm_platform.stack.orphans import this_process; print(this_process(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", tell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as terminal:
        assert terminal.stdout is not None
        left = run(instance, dg.DagsterRunStatus.STARTED, {PROCESS_TAG: terminal.stdout.readline().strip()})
        assert report_orphans(instance, of_daemon=True) == []
        terminal.kill()
    assert report_orphans(instance, of_daemon=True) == [left]


def test_a_process_number_that_another_process_got_since_counts_as_gone(instance: dg.DagsterInstance) -> None:
    me = psutil.Process()
    reused = this_process().replace(f"@{me.create_time():.0f}@", f"@{me.create_time() - 3600:.0f}@")
    assert reused != this_process()
    left = run(instance, dg.DagsterRunStatus.STARTED, {PROCESS_TAG: reused})
    assert report_orphans(instance, of_daemon=True) == [left]


def test_runs_of_the_daemon_are_left_alone_while_it_may_run(instance: dg.DagsterInstance) -> None:
    gone = f"{2**22 + 1}@0@nowhere"
    left = run(instance, dg.DagsterRunStatus.STARTED, {PROCESS_TAG: gone})
    of_daemon = run(instance, dg.DagsterRunStatus.STARTED)
    assert report_orphans(instance, of_daemon=False) == [left]
    assert report_orphans(instance, of_daemon=True) == [of_daemon]
