"""Fixtures: one real PostgreSQL a test process, a migrated database a test, and the real sample data where present."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection, EmbeddedPostgres
from ldtm_platform.warehouse.migrate import upgrade

os.environ.setdefault("OMP_NUM_THREADS", "1")

DRIVER = "postgresql+psycopg"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


# Single tests of these take a minute or two: begun last, one of two workers would wait for the other.
LONG = ("spine/test_interruption", "cli/test_up", "cli/test_commands")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first (with --no-loadscope-reorder in pyproject.toml)."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONG))


@pytest.fixture(scope="session")
def server() -> Iterator[Connection]:
    # A short path: a unix socket's may not be longer than 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="ldtm-test-"))
    home.chmod(0o755)
    embedded = EmbeddedPostgres(home)
    yield embedded.ensure()
    embedded.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: Connection) -> str:
    """The name of a migrated database that each test's own is copied from."""
    name = "template_ldtm"
    _execute(server, f'CREATE DATABASE "{name}"')
    engine = sa.create_engine(server.url(name, driver=DRIVER), poolclass=sa.NullPool)
    upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture
def database_url(server: Connection, template: str) -> Iterator[str]:
    """The URL of a fresh migrated database."""
    name = f"test_{uuid4().hex[:12]}"
    _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield server.url(name, driver=DRIVER)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A connection pool to a fresh migrated database."""
    engine = sa.create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def shared_data() -> Path:
    """The folder of real prices, on machines that have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real prices in {SHARED_DATA}")
    return SHARED_DATA


def _execute(server: Connection, statement: str) -> None:
    engine = sa.create_engine(
        server.url("postgres", driver=DRIVER), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
