"""PostgreSQL servers for tests: made once and copied, and free of waits that only a power cut would reward."""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection, EmbeddedPostgres

DRIVER = "postgresql+psycopg"
# Kills of processes, the server's too, are survived as before: the operating system has what was written.
NO_WAITING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def never_wait_for_the_disk(server: Connection) -> None:
    """Set a running server so."""
    for name, value in NO_WAITING.items():
        statement(server, f"ALTER SYSTEM SET {name} = {value}")
    statement(server, "SELECT pg_reload_conf()")


def place_server(home: Path, *, waits_for_the_disk: bool = True) -> None:
    """Put a server's home there, as it is after the first start and stop: a copy, which takes less than making one."""
    # With its owner, who is the server's account.
    subprocess.run(["cp", "-a", _new_server(), home], check=True)
    if not waits_for_the_disk:
        with (home / "data" / "postgresql.auto.conf").open("a") as settings:
            settings.writelines(f"{name} = {value}\n" for name, value in NO_WAITING.items())


def statement(server: Connection, text: str) -> None:
    """Execute a statement that stands in no transaction, as the server's owner."""
    engine = sa.create_engine(
        server.url("postgres", driver=DRIVER), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        connection.execute(sa.text(text))
    engine.dispose()


@cache
def _new_server() -> Path:
    root = Path(tempfile.mkdtemp(prefix="ldtm-new-"))
    root.chmod(0o755)
    atexit.register(shutil.rmtree, root)
    server = EmbeddedPostgres(root / "postgres")
    server.ensure()
    server.stop()
    return server.home
