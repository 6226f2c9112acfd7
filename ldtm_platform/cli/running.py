"""Running Dagster jobs from a terminal: in this process, recorded in the instance, with bars instead of event logs."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from ldtm_platform.cli.reports import RunReport, report_of
from ldtm_platform.importing import heavy_imports
from ldtm_platform.settings import Settings, load_settings


@dataclass(frozen=True)
class TickerStage:
    """A stage by ticker: the job and asset for the whole universe, the job and op for any list of tickers."""

    fleet_job: str
    asset: str
    list_job: str
    op: str


INGEST = TickerStage("market_data_ingest", "market_data_daily", "ingest_tickers", "ingest")
HOURS = TickerStage("hourly_ingest", "market_data_hourly", "ingest_hourly_tickers", "ingest_hourly")
FEATURES = TickerStage("feature_engineering", "engineered_features", "engineer_tickers", "engineer_features")
TRAINING = TickerStage("full_retrain", "ldtm_checkpoints", "train_tickers", "train")


class Workbench:
    """Dagster's jobs and the warehouse, ready to use in this process."""

    def __init__(self, settings: Settings, *, as_json: bool) -> None:
        # These take a second that a command which asks the worker need not wait for.
        with heavy_imports():
            import dagster as dg
            import dagster_postgres  # noqa: F401 - the instance needs it
            import sqlalchemy as sa

            from ldtm_platform.definitions import defs

        # In a run Dagster's handler would be the only one, and nobody at the terminal would see what is warned of.
        logging.getLogger("ldtm_platform").addHandler(cast(logging.Handler, logging.lastResort))
        self.settings = settings
        self.engine = sa.create_engine(os.environ["LDTM_DATABASE_URL"], pool_pre_ping=True)
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
        from ldtm_platform.gpu import read_cards
        from ldtm_platform.resources.progress import TerminalProgress
        from ldtm_platform.stack.orphans import PROCESS_TAG, this_process
        from ldtm_platform.stack.slots import apply_slots

        # The platform may never have been up, and a run that the queue starts beside this one looks at the limit.
        apply_slots(self.instance, read_cards())
        result = self._defs.resolve_job_def(job).execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **(config or {})},
            instance=self.instance,
            partition_key=partition,
            raise_on_error=False,
            tags={PROCESS_TAG: this_process(), **(tags or {})},
            resources={"progress": TerminalProgress(say_lines=say_lines and not self._as_json)},
        )
        return report_of(job, result)

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
    from ldtm_platform.stack.session import platform_session

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
