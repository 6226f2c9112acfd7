"""The pool of trainings: Dagster's queue keeps to its limit, and a terminal's training on a card waits for its turn."""

import subprocess
import sys
import threading

import dagster as dg
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from ldtm_platform.definitions import defs
from ldtm_platform.defs.measuring import seconds_queued
from ldtm_platform.gpu import Card
from ldtm_platform.stack.orphans import PROCESS_TAG, report_orphans, this_process
from ldtm_platform.stack.slots import apply_slots, trainings_ahead, wait_for_slot

ONE, TWO = [Card("a", 600)], [Card("a", 1200)]


def made(instance: dg.DagsterInstance, job: str = "train_tickers", op: str = "train") -> dg.DagsterRun:
    """A run of tickers."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="ldtm_platform.definitions"))
    return instance.create_run_for_job(
        defs.resolve_job_def(job),
        run_config={"ops": {op: {"config": {"tickers": ["AMGN"]}}}},
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job),
    )


def queued(instance: dg.DagsterInstance, *of: str) -> str:
    """A run that stands in the queue, as the queue's coordinator puts it there."""
    run = made(instance, *of)
    instance.report_dagster_event(dg.DagsterEvent.job_enqueue(run), run_id=run.run_id)
    return run.run_id


def begun(instance: dg.DagsterInstance, run_id: str, **tags: str) -> str:
    """The run, under way as its launcher and then its process say."""
    instance.add_run_tags(run_id, tags)
    for event in (dg.DagsterEventType.PIPELINE_STARTING, dg.DagsterEventType.PIPELINE_START):
        instance.report_dagster_event(dg.DagsterEvent(event_type_value=event.value, job_name="train_tickers"), run_id)
    return run_id


def test_trainings_beyond_the_limit_stay_queued_until_one_ends_is_cancelled_or_is_killed(
    instance: dg.DagsterInstance,
) -> None:
    def next_ones() -> list[str]:
        """Whom the daemon would start at its next tick."""
        daemon, config = QueuedRunCoordinatorDaemon(interval_seconds=1), instance.get_concurrency_config()
        return [run.run_id for run in daemon._get_runs_to_dequeue(instance, config, None)]

    apply_slots(instance, TWO)
    first, second, third, _last = (queued(instance) for _ in range(4))
    assert next_ones() == [first, second]
    begun(instance, first)
    # What a terminal executes never stood in the queue, and takes a slot all the same.
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as terminal:
        terminals = begun(instance, made(instance).run_id, **{PROCESS_TAG: this_process(terminal.pid)})
        assert next_ones() == []
        assert seconds_queued(instance, first) is not None
        assert seconds_queued(instance, terminals) is None
        features = queued(instance, "engineer_tickers", "engineer_features")
        assert next_ones() == [features]
        instance.delete_run(features)

        run = instance.get_run_by_id(first)
        assert run is not None
        instance.report_run_canceled(run)
        assert next_ones() == [second]
        begun(instance, second)
        assert report_orphans(instance, of_daemon=False) == []
        assert next_ones() == []
        terminal.kill()
    assert report_orphans(instance, of_daemon=False) == [terminals]
    assert next_ones() == [third]


def test_a_terminals_training_waits_for_those_before_it_and_says_so(instance: dg.DagsterInstance) -> None:
    here = {PROCESS_TAG: this_process()}
    first, second = (begun(instance, made(instance).run_id, **here) for _ in range(2))
    assert trainings_ahead(instance, first) == []
    assert trainings_ahead(instance, second) == [first]
    said: list[str] = []
    wait_for_slot(instance, second, TWO, said.append)
    assert said == []

    told = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        told.set()

    waiting = threading.Thread(target=wait_for_slot, args=(instance, second, ONE, say), daemon=True)
    waiting.start()
    assert told.wait(30)
    assert said[0] == f"every slot is taken (a (600 MiB): 1 slots); waits for run {first[:8]}"
    run = instance.get_run_by_id(first)
    assert run is not None
    instance.report_run_canceled(run)
    waiting.join(30)
    assert not waiting.is_alive()
