"""Databases and settings of a test module's own: many tests in a row may build on one another's data."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection

DRIVER = "postgresql+psycopg"

# Simulated prices: enough sessions to train on, few enough to be quick. ARM lists so late that its rows do not suffice.
SIMULATED: Mapping[str, str] = {
    "LDTM_SOURCE": "simulated",
    "LDTM_HISTORY_START": "2023-01-03",
    "LDTM_LAST_SESSION": "2024-07-31",
    "LDTM_EPOCHS": "1",
    "LDTM_WORKERS": "1",
    "LDTM_DEVICE": "cpu",
    # The same numbers on every machine, and nothing to compile in every new home.
    "LDTM_CPU_ENGINE": "pytorch",
}


# What only a power cut would show, and what runs beside the tests.
NO_WAITING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def never_wait_for_the_disk(server: Connection) -> None:
    """Let a server of tests trust the operating system with its files; kills of processes it survives as before."""
    for name, value in NO_WAITING.items():
        statement(server, f"ALTER SYSTEM SET {name} = {value}")
    statement(server, "SELECT pg_reload_conf()")


@contextmanager
def scratch_database(server: Connection, template: str) -> Iterator[str]:
    """The URL of a fresh migrated database, dropped on leaving."""
    name = f"test_{uuid4().hex[:12]}"
    statement(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield server.url(name, driver=DRIVER)
    statement(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def statement(server: Connection, text: str) -> None:
    """Execute a statement that stands in no transaction, as the server's owner."""
    engine = sa.create_engine(
        server.url("postgres", driver=DRIVER), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        connection.execute(sa.text(text))
    engine.dispose()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These settings and no others, for as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield
