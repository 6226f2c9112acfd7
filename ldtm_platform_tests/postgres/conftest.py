"""Fixtures: homes for embedded servers, each with a short path, stopped and removed after the test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ldtm_platform.postgres.server import EmbeddedPostgres
from ldtm_platform_tests.servers import place_server


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that any account may enter, and whose server is stopped afterwards."""
    # pytest's own tmp_path is closed to the account that root's servers run as, and long.
    root = Path(tempfile.mkdtemp(prefix="ldtm-pg-"))
    root.chmod(0o755)
    yield root / "home"
    for data in root.rglob("PG_VERSION"):
        if data.parent.name == "data":
            EmbeddedPostgres(data.parents[1]).stop()
    shutil.rmtree(root)


@pytest.fixture
def made_home(home: Path) -> Path:
    """The same with a server in it that was made, started and stopped before."""
    place_server(home)
    return home


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedPostgres]:
    """A server that the module's tests share and leave running."""
    root = Path(tempfile.mkdtemp(prefix="ldtm-pg-"))
    root.chmod(0o755)
    server = EmbeddedPostgres(root)
    server.ensure()
    yield server
    server.stop()
    shutil.rmtree(root)
