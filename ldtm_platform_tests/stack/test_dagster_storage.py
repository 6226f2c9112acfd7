"""Dagster's storage: the same events as upstream stores, over connections that are kept."""

import logging
import os
import time
from collections.abc import Iterator

import dagster as dg
import pytest
import sqlalchemy as sa

from ldtm_platform.defs.reporting import range_tags
from ldtm_platform.postgres.server import Connection
from ldtm_platform.stack.dagster_storage import PlansInBatches
from ldtm_platform.stack.session import instance_config
from ldtm_platform_tests.scratch import DRIVER

LETTERS = dg.StaticPartitionsDefinition([f"{n:03}" for n in range(150)])


@dg.asset(partitions_def=LETTERS, backfill_policy=dg.BackfillPolicy.single_run())
def letters(context: dg.AssetExecutionContext) -> None:
    """Does nothing, so that all that is written is Dagster's."""


@dg.asset(deps=[letters], partitions_def=LETTERS, backfill_policy=dg.BackfillPolicy.single_run())
def more_letters(context: dg.AssetExecutionContext) -> None:
    """The same, after it."""


@pytest.fixture
def admin(server: Connection) -> Iterator[sa.Engine]:
    engine = sa.create_engine(server.url("postgres", driver=DRIVER), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def planned_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run of both assets over all partitions, planned and not begun."""
    job = dg.Definitions(
        [letters, more_letters], jobs=[dg.define_asset_job("both", [letters, more_letters])]
    ).resolve_job_def("both")
    keys = LETTERS.get_partition_keys()
    return instance.create_run_for_job(job, tags=range_tags(keys[0], keys[-1]), asset_selection=None)


def test_the_homes_file_names_it_and_asks_the_queue_every_second(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, PlansInBatches)
    assert instance.run_coordinator.dequeue_interval_seconds == 1  # type: ignore[attr-defined]
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs >= 4
    assert os.environ["LDTM_DAGSTER_URL"] not in instance_config()


@dg.asset
def talkative(context: dg.AssetExecutionContext) -> None:
    """Tells how it goes by both kinds of loggers."""
    context.log.info("half of it")
    logging.getLogger("ldtm_platform.fleet").info("a ticker more")
    logging.getLogger("ldtm_platform.fleet").warning("it will take longer")


def test_what_the_platforms_loggers_warn_of_is_an_event_of_the_run_and_what_they_inform_of_is_not(
    instance: dg.DagsterInstance,
) -> None:
    run = dg.materialize([talkative], instance=instance)
    said = [entry.user_message for entry in instance.all_logs(run.run_id) if entry.step_key and not entry.dagster_event]
    assert said == ["half of it", "it will take longer"]


def test_what_a_run_plans_is_stored_for_every_partition_of_every_asset(instance: dg.DagsterInstance) -> None:
    run = planned_run(instance)
    keys = LETTERS.get_partition_keys()
    for asset in (letters, more_letters):
        filter_ = dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, asset_key=asset.key)
        records = instance.event_log_storage.get_event_records(filter_, ascending=True)
        assert sorted(str(record.partition_key) for record in records) == keys
        assert {record.run_id for record in records} == {run.run_id}
        (known,) = instance.get_asset_records([asset.key])
        assert known.asset_entry.last_run_id == run.run_id


def test_a_plan_takes_a_few_connections_and_not_one_an_event(
    instance: dg.DagsterInstance, admin: sa.Engine, database: str
) -> None:
    def connections() -> int:
        with admin.connect() as connection:
            # A backend tells of itself when it is idle, at the latest a second later.
            connection.execute(sa.text("SELECT pg_sleep(1.1)"))
            query = "SELECT sessions FROM pg_stat_database WHERE datname = :name"
            return int(connection.execute(sa.text(query), {"name": database}).scalar_one())

    before = connections()
    planned_run(instance)
    assert connections() - before <= 6


def test_an_instance_that_is_left_leaves_no_connection(
    instance: dg.DagsterInstance, admin: sa.Engine, database: str
) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = :name"

    def connections() -> int:
        with admin.connect() as connection:
            return int(connection.execute(sa.text(query), {"name": database}).scalar_one())

    before = connections()
    made = [dg.DagsterInstance.from_ref(instance.get_ref()) for _ in range(3)]
    for each in made:
        with each:
            each.get_runs()
            each.get_asset_keys()
            assert connections() > before
    # A server process ends a moment after its client has hung up.
    for _ in range(100):
        if connections() == before:
            break
        time.sleep(0.05)
    assert connections() == before


def test_connections_that_the_server_has_closed_are_made_anew(
    instance: dg.DagsterInstance, admin: sa.Engine, database: str
) -> None:
    planned_run(instance)
    with admin.connect() as connection:
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name"
        assert connection.execute(sa.text(query), {"name": database}).scalar_one() >= 1
    run = planned_run(instance)
    assert instance.get_run_by_id(run.run_id) is not None
