"""Fixtures: one real PostgreSQL a test process, a migrated database a test, and the real sample data where present.

Every test process has a home folder of its own: whatever forgets to say which platform it means would else work on the
tester's, in ~/.ldtm.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection, EmbeddedPostgres
from ldtm_platform.warehouse.migrate import upgrade
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.servers import DRIVER, never_wait_for_the_disk, statement

os.environ.setdefault("OMP_NUM_THREADS", "1")
USERS_HOME = Path(tempfile.mkdtemp(prefix="ldtm-user-"))
os.environ["HOME"] = str(USERS_HOME)

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

# A busy machine is no defect of what is tested: an example may take as long as pytest lets its test.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


# Single tests of these take a minute or two: begun last, one of two workers would wait for the other.
LONG = ("spine/test_interruption", "cli/test_up", "cli/test_commands")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first (with --no-loadscope-reorder in pyproject.toml)."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONG))


def pytest_unconfigure() -> None:
    """The home folder goes with the process."""
    shutil.rmtree(USERS_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def the_default_home_stays_untouched() -> Iterator[None]:
    """Fail a test that worked, or ran a command that worked, on the platform in ~/.ldtm."""
    yield
    default = USERS_HOME / ".ldtm"
    if default.exists():
        EmbeddedPostgres(default / "postgres").stop()
        shutil.rmtree(default)
        pytest.fail("this test, or what it started, used the default home ~/.ldtm: set LDTM_HOME there")


@pytest.fixture(scope="session")
def server() -> Iterator[Connection]:
    # A short path: a unix socket's may not be longer than 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="ldtm-test-"))
    home.chmod(0o755)
    embedded = EmbeddedPostgres(home)
    connection = embedded.ensure()
    never_wait_for_the_disk(connection)
    yield connection
    embedded.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: Connection) -> str:
    """The name of a migrated database that each test's own is copied from."""
    name = "template_ldtm"
    statement(server, f'CREATE DATABASE "{name}"')
    engine = sa.create_engine(server.url(name, driver=DRIVER), poolclass=sa.NullPool)
    upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture
def database_url(server: Connection, template: str) -> Iterator[str]:
    """The URL of a fresh migrated database."""
    with scratch_database(server, template) as url:
        yield url


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


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any proxy of the tester's."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch
