"""A Dagster instance on PostgreSQL, from the file that the platform's homes get."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection
from ldtm_platform.stack.database import DAGSTER_DRIVER
from ldtm_platform.stack.session import instance_config
from ldtm_platform_tests.scratch import scratch_database


@pytest.fixture
def database(server: Connection) -> Iterator[str]:
    """The name of an empty database."""
    with scratch_database(server, "template1") as url:
        yield sa.make_url(url).database or ""


@pytest.fixture
def instance(
    server: Connection, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """An instance from the file that the platform's homes get."""
    (tmp_path / "dagster.yaml").write_text(instance_config())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "100")
    monkeypatch.setenv("LDTM_DAGSTER_URL", server.url(database, driver=DAGSTER_DRIVER))
    with dg.DagsterInstance.get() as made:
        yield made
