"""Databases and settings of a test module's own: many tests in a row may build on one another's data."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import pytest

from ldtm_platform.postgres.server import Connection
from ldtm_platform_tests.servers import DRIVER as DRIVER
from ldtm_platform_tests.servers import statement

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


@contextmanager
def scratch_database(server: Connection, template: str) -> Iterator[str]:
    """The URL of a fresh migrated database, dropped on leaving."""
    name = f"test_{uuid4().hex[:12]}"
    statement(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield server.url(name, driver=DRIVER)
    statement(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These settings and no others, for as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield
