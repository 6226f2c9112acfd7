"""The definitions' jobs on an instance and a database of a test's own, as a run worker executes them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.tags import PARTITION_NAME_TAG

from ldtm_platform.definitions import defs
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.defs.reporting import range_tags
from ldtm_platform.postgres.server import Connection
from ldtm_platform.resources.database import Database
from ldtm_platform_tests.scratch import SIMULATED, environment, scratch_database

# Five neighbours of the universe; ARM's simulated history is too short to train on.
FIRST, LAST = "AMGN", "ASML"
NEIGHBOURS = ("AMGN", "AMZN", "APP", "ARM", "ASML")


@dataclass(frozen=True)
class Bench:
    """Runs jobs and looks at what became of their partitions."""

    instance: dg.DagsterInstance
    engine: sa.Engine

    def run(self, job: str, *, partition: str | None = None, **ops: object) -> dg.ExecuteInProcessResult:
        """Execute a job in this process; `ops`: the configuration of each op by its name."""
        return self._execute(job, partition, {}, ops)

    def on_range(self, job: str, first: str = FIRST, last: str = LAST, **ops: object) -> dg.ExecuteInProcessResult:
        """One run over the contiguous partitions from first to last, as schedules and single-run backfills ask."""
        return self._execute(job, None, range_tags(first, last), ops)

    def on_day(self, job: str, day: str) -> dg.ExecuteInProcessResult:
        """One run by its tag alone, which Dagster does not hold against the partitions."""
        return self._execute(job, None, {PARTITION_NAME_TAG: day}, {})

    def _execute(
        self, job: str, partition: str | None, tags: Mapping[str, str], ops: Mapping[str, object]
    ) -> dg.ExecuteInProcessResult:
        return defs.resolve_job_def(job).execute_in_process(
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {op: {"config": config} for op, config in ops.items()},
            },
            instance=self.instance,
            partition_key=partition,
            tags=tags,
            raise_on_error=False,
        )

    def states(self, asset: str, tickers: Sequence[str] = NEIGHBOURS) -> dict[str, str | None]:
        """What the UI shows of each ticker's partition: MATERIALIZED, FAILED, IN_PROGRESS or nothing."""
        found = self.instance.get_status_by_partition(dg.AssetKey(asset), tickers, TICKERS) or {}
        return {ticker: status and status.name for ticker, status in found.items()}

    def metadata(self, asset: str, partition: str) -> dict[str, Any]:
        """The metadata of a partition's newest materialization."""
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        materialization = record.asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}

    def materializations(self, asset: str) -> list[str | None]:
        """The partitions of every materialization of an asset there ever was, newest first."""
        return [
            record.partition_key
            for record in self.instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
        ]


@contextmanager
def bench(server: Connection, template: str, home: Path, **settings: str) -> Iterator[Bench]:
    """A bench on simulated prices, with these settings beside or instead of SIMULATED's."""
    with scratch_database(server, template) as url:
        variables = {**SIMULATED, "LDTM_HOME": str(home), "LDTM_DATABASE_URL": url, **settings}
        with environment(variables), dg.DagsterInstance.ephemeral() as instance:
            engine = Database().engine()
            yield Bench(instance, engine)
            engine.dispose()


def failure_of(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """The tickers that a run names as failed, with its reasons."""
    failed: dict[str, str] = {}
    for event in result.all_events:
        if event.is_step_failure:
            user = event.step_failure_data.user_failure_data
            assert user is not None, event.step_failure_data.error
            value = user.metadata["failed"].value
            assert isinstance(value, dict)
            failed |= value
    return failed
