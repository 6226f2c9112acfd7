"""A platform home of a test's own, and the `ldtm` command run on it as a user would: in a process of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ldtm_platform.postgres.server import EmbeddedPostgres
from ldtm_platform_tests.cli.forked import Forked, Said, fork
from ldtm_platform_tests.scratch import DRIVER, SIMULATED
from ldtm_platform_tests.servers import place_server

LDTM = (sys.executable, "-c", "from ldtm_platform.cli.app import main; main()")
UNIVERSE = """
[sectors]
healthcare = ["AMGN"]
consumer = ["AMZN"]
semis = ["ARM", "NVDA"]
[overlapping]
mega_cap = ["AMZN", "NVDA"]
"""


@dataclass(frozen=True)
class Home:
    """A folder with a universe of four tickers on simulated prices, and the settings that say so."""

    path: Path
    settings: Mapping[str, str]

    def variables(self, **other: str) -> dict[str, str]:
        """The environment of a command: this home's settings and none of the tester's."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LDTM_", "DB_", "DAGSTER_", "LLM_"))}
        return {**clean, **self.settings, **other}

    def start(self, *arguments: str, **other: str) -> "subprocess.Popen[str]":
        """The command, running; its folder is the home, so that nobody's .env is read."""
        return subprocess.Popen(
            [*LDTM, *arguments],
            env=self.variables(**other),
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fork(self, *arguments: str, **other: str) -> Forked:
        """The command, running in a process that came by its libraries more cheaply; no signals but kill."""
        return fork(arguments, self.variables(**other), self.path)

    def ldtm(self, *arguments: str, **other: str) -> Said:
        """The command, run to its end."""
        return self.fork(*arguments, **other).result(240)

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The home's own server."""
        return EmbeddedPostgres(self.path / "postgres")

    @contextmanager
    def engine(self) -> Iterator[sa.Engine]:
        """The home's database, with the server up for as long as the block lasts."""
        with self.postgres.session() as connection:
            engine = sa.create_engine(connection.url("ldtm", driver=DRIVER))
            yield engine
            engine.dispose()


@contextmanager
def new_home(**settings: str) -> Iterator[Home]:
    """A fresh home, removed with its server on leaving; the first command makes the server."""
    # A short path that the server's account may enter: see postgres/conftest.py.
    path = Path(tempfile.mkdtemp(prefix="ldtm-cli-"))
    path.chmod(0o755)
    (path / "universe.toml").write_text(UNIVERSE)
    own = {**SIMULATED, "LDTM_HOME": str(path), "LDTM_UNIVERSE": str(path / "universe.toml"), **settings}
    home = Home(path, own)
    try:
        yield home
    finally:
        if (path / "postgres" / "data").exists():
            home.postgres.stop()
        shutil.rmtree(path)


@contextmanager
def quick_home(**settings: str) -> Iterator[Home]:
    """A fresh home with a server that was made before and that does not wait for the disk."""
    with new_home(**settings) as home:
        place_server(home.path / "postgres", waits_for_the_disk=False)
        yield home
