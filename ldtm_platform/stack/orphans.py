"""Runs that a crash left behind: reported failed at the next start, so that their pool slots come free.

After a power cut a run stays STARTED for ever and keeps its slot; Dagster's own launcher has no health check for that.
"""

import os
from collections.abc import Mapping

import dagster as dg
import psutil

# A run of a terminal carries its process, so that a live one can be told from one that a crash left behind.
# The prefix keeps it out of the lists in the UI.
PROCESS_TAG = ".dagster/ldtm_process"
IN_FLIGHT = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]


def this_process(pid: int | None = None) -> str:
    """This process, or another, by number and start time: a number alone is reused."""
    return _identity(psutil.Process(pid))


def report_orphans(instance: dg.DagsterInstance, *, of_daemon: bool) -> list[str]:
    """Report failed the runs in flight whose process is gone; returns their ids.

    Runs that a terminal executes carry their process and are left alone while it lives. All others are the daemon's:
    of_daemon says that none runs now, so that those are orphans too.
    """
    in_flight = instance.get_runs(dg.RunsFilter(statuses=IN_FLIGHT))
    orphans = [run for run in in_flight if (of_daemon or PROCESS_TAG in run.tags) and not _is_alive(run.tags)]
    for run in orphans:
        instance.report_run_failed(run, "orphaned: its process ended without a word (a crash, a kill, a restart)")
    return [run.run_id for run in orphans]


def _is_alive(tags: Mapping[str, str]) -> bool:
    process = tags.get(PROCESS_TAG)
    if process is None:
        return False
    try:
        return _identity(psutil.Process(int(process.split("@")[0]))) == process
    except psutil.Error:
        return False


def _identity(process: psutil.Process) -> str:
    return f"{process.pid}@{process.create_time():.0f}@{os.uname().nodename}"
