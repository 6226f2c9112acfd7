"""Dagster's storage in PostgreSQL as dagster-postgres has it, with connections that are kept and plans in batches.

dagster-postgres opens a connection for every statement and writes what a run plans one partition at a time: of a run of
103 tickers or 250 sessions that was half of the time. dagster.yaml names this class, so that every process has it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import DagsterEventType, EventLogEntry, StringSource
from dagster._config import UserConfigSchema
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine

# An instance keeps so many, opens more while it needs them, and closes them when it is disposed of.
KEPT_CONNECTIONS = 2
OVERFLOW = 20


class KeptConnectionsStorage(DagsterPostgresStorage):
    """The three stores on one engine that keeps its connections; a server that was restarted is no trouble."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = PlansInBatches(postgres_url)
        engine = _engine(postgres_url)
        for store in (self._run_storage, self._event_log_storage, self._schedule_storage):
            store._engine = engine

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """The database's URL is all that dagster.yaml may say of it."""
        return {"postgres_url": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptConnectionsStorage":
        """As Dagster makes it from dagster.yaml."""
        return cls(config_value["postgres_url"], inst_data)


class PlansInBatches(PostgresEventLogStorage):
    """The event log; what a run plans to materialize is written a batch at a time, as materializations are."""

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events of one batch, in their order."""
        if any(event.dagster_event_type is not DagsterEventType.ASSET_MATERIALIZATION_PLANNED for event in events):
            super().store_event_batch(events)
            return
        statement = self.prepare_insert_event_batch(events)
        with self._connect() as connection:
            ids = [int(row[0]) for row in connection.execute(statement.returning(_ids())).fetchall()]
        newest = {event.get_dagster_event().asset_key: (event, at) for event, at in zip(events, ids, strict=True)}
        with self.index_transaction() as connection:
            self._store_asset_event_tags(connection, events, ids)
            for event, at in newest.values():
                self._store_asset_event(connection, event, at)

    def dispose(self) -> None:
        """Close what is kept. Sensors have an instance a tick, whose connections nobody would miss or close."""
        super().dispose()
        self._engine.dispose()


def _ids() -> Any:  # noqa: ANN401 - a column of Dagster's own table
    from dagster._core.storage.event_log import SqlEventLogStorageTable

    return SqlEventLogStorageTable.c.id


def _engine(url: str) -> Any:  # noqa: ANN401 - SQLAlchemy's engine, which dagster-postgres does not type
    return create_pg_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=KEPT_CONNECTIONS,
        max_overflow=OVERFLOW,
        pool_pre_ping=True,
    )
