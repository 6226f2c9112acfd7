"""A PostgreSQL server of our own in a home folder: made, started, stopped and mended after a crash, by any process.

Layout of a home: `data/` (the cluster, its `start.log` and our settings in `ldtm.conf`), `run/` (the socket),
`connection.json` (0600), two lock files. When root runs a home that the server's account cannot enter, such as one
under /root, `data` is a link to a folder in /var/lib/ldtm_platform, which then also holds `run/`.

Local connections are trusted: the socket lies in a folder that only the server's account (and root) may enter.
TCP connections on 127.0.0.1 need the random password.
"""

import fcntl
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ldtm_platform.postgres import cluster
from ldtm_platform.postgres.account import Account, give_to_owner_of, server_account
from ldtm_platform.postgres.binaries import copied_binaries, find_binaries
from ldtm_platform.postgres.errors import PostgresUnavailable
from ldtm_platform.postgres.sockets import HOST, fits_socket, free_port, is_free

USER = "ldtm"
# Two causes pass by themselves or with another port: the backends of a killed server that have not noticed yet,
# and a port that another program took after we looked.
PASSING_TROUBLES = ("shared memory block", "could not create any TCP/IP sockets")


@dataclass(frozen=True)
class Connection:
    """How to reach the server; `socket_dir` is None where a unix socket's path would be too long."""

    user: str
    password: str = field(repr=False)
    host: str
    port: int
    socket_dir: str | None

    def url(self, database: str, *, driver: str) -> str:
        """The database's URL for a driver such as "postgresql+psycopg": by socket if there is one, else by TCP."""
        if self.socket_dir:
            return f"{driver}://{self.user}@/{database}?host={quote(self.socket_dir, safe='')}&port={self.port}"
        return f"{driver}://{self.user}:{quote(self.password, safe='')}@{self.host}:{self.port}/{database}"


class EmbeddedPostgres:
    """The server of one home folder. Any number of processes may hold one of these for the same home."""

    def __init__(self, home: Path) -> None:
        # Resolved: the path in the server's command line tells whether a process is this home's server.
        self.home = home.expanduser().resolve()

    @property
    def _data(self) -> Path:
        return (self.home / "data").resolve()

    @property
    def _log(self) -> Path:
        return self._data / "start.log"

    def ensure(self, timeout: float = 60) -> Connection:
        """Make the server if needed, start it if needed, and return once it answers. Raises PostgresUnavailable."""
        deadline = time.monotonic() + timeout
        with self._locked():
            if not cluster.is_made(self._data):
                self._make()
            connection = self._saved()
            while True:
                if not self._is_alive():
                    connection = self._start(connection, deadline)
                if _answers(connection):
                    return connection
                if time.monotonic() > deadline:
                    state = f"runs but took no connection within {timeout:.0f} s"
                    raise PostgresUnavailable(f"PostgreSQL in {self.home} {state}: try again, or read {self._log}")
                time.sleep(0.05)

    def is_running(self) -> bool:
        """Whether this home's server is up and takes connections."""
        with self._explained():
            return self._is_alive() and _answers(self._saved())

    def stop(self) -> None:
        """Stop the server, ending its connections; nothing happens when it is not running."""
        with self._locked():
            if not self._is_alive():
                return
            pg_ctl = self._binaries() / "pg_ctl"
            result = server_account(self._data).run(pg_ctl, "-D", self._data, "-w", "-m", "fast", "stop")
            if result.returncode and self._is_alive():
                reason = result.stderr.strip()
                raise PostgresUnavailable(f"PostgreSQL in {self.home} did not stop: {reason}. See {self._log}")

    @contextmanager
    def session(self, timeout: float = 60) -> Iterator[Connection]:
        """The running server for as long as the block lasts; the last process to leave its block stops it."""
        with self._lock_file("users.lock") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield self.ensure(timeout)
            finally:
                if _is_last(users):
                    self.stop()

    def ensure_database(self, name: str) -> None:
        """Create an empty database unless there is one of that name, starting the server if needed."""
        url = self.ensure().url("postgres", driver="postgresql")
        # Under the lock: two processes that both find none would both create it.
        with self._locked(), psycopg.connect(url, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._explained(), self._lock_file("server.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _lock_file(self, name: str) -> TextIO:
        path = self.home / name
        with self._explained():
            if not self.home.exists():
                self.home.mkdir(parents=True, exist_ok=True)
                # Whatever the umask: the server's account has to pass through to data/, which it alone can read.
                self.home.chmod(0o711)
            if not path.exists():
                path.touch()
                give_to_owner_of(self.home, path)
            return path.open()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise PostgresUnavailable(
                f"no permission for {error.filename}: {self.home} belongs to another user. Run this as that user, or "
                "choose another home folder"
            ) from error
        except OSError as error:
            raise PostgresUnavailable(f"cannot work in {self.home}: {error}{cluster.space_hint(self.home)}") from error

    def _saved(self) -> Connection:
        path = self.home / "connection.json"
        try:
            return Connection(**json.loads(path.read_text()))
        except FileNotFoundError as error:
            raise PostgresUnavailable(
                f"{path} is gone, and with it the password of the database in {self._data}. Put the file back, or move "
                "data away to begin with an empty database"
            ) from error

    def _save(self, connection: Connection) -> None:
        path = self.home / "connection.json"
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(connection), indent=1))
        give_to_owner_of(self.home, unfinished)
        unfinished.replace(path)

    def _binaries(self) -> Path:
        binaries = find_binaries()
        if server_account(self._data).reaches(binaries):
            return binaries
        return copied_binaries(binaries, self._data.parent)

    def _make(self) -> None:
        account = server_account(self._data)
        cluster.place_data(self.home, account)
        password = secrets.token_urlsafe(24)
        binaries = self._binaries()
        unfinished = cluster.unfinished_cluster(
            self._data, account=account, binaries=binaries, user=USER, password=password
        )
        self._save(Connection(USER, password, HOST, port=0, socket_dir=None))
        unfinished.rename(self._data)

    def _start(self, connection: Connection, deadline: float) -> Connection:
        """One start of the server, again while the trouble is a passing one; returns where it then listens."""
        account, binaries = server_account(self._data), self._binaries()
        cluster.refuse_other_major(self._data, binaries)
        cluster.roll_log(self._log)
        while True:
            # PostgreSQL clears the file of a dead server itself, but not when its process id is in use again, the
            # process is a zombie or the file is empty. Its shared memory still guards against a second server.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            connection = self._configure(connection, account)
            before = self._log.stat().st_size if self._log.exists() else 0
            seconds = str(max(1, int(deadline - time.monotonic())))
            result = account.run(binaries / "pg_ctl", "-D", self._data, "-w", "-t", seconds, "-l", self._log, "start")
            if result.returncode == 0 or self._is_alive():
                return connection
            said = cluster.log_since(self._log, before)
            if time.monotonic() > deadline or not any(trouble in said for trouble in PASSING_TROUBLES):
                hint = cluster.space_hint(self._data)
                raise PostgresUnavailable(
                    f"PostgreSQL in {self.home} did not start{hint}. {result.stderr.strip()}\n"
                    f"The end of {self._log}:\n{said}"
                )
            time.sleep(0.2)

    def _configure(self, connection: Connection, account: Account) -> Connection:
        """Choose the port and the socket folder, write the server's settings and save how to reach it."""
        port = connection.port if connection.port and is_free(connection.port) else free_port()
        folder = self._data.parent / "run"
        socket_dir = folder if fits_socket(folder) else None
        if socket_dir:
            socket_dir.mkdir(exist_ok=True)
            account.own(socket_dir, 0o700)
        cluster.write_settings(self._data, account=account, port=port, socket_dir=socket_dir)
        placed = replace(connection, port=port, socket_dir=str(socket_dir) if socket_dir else None)
        self._save(placed)
        return placed

    def _is_alive(self) -> bool:
        """Whether the process of postmaster.pid lives and is this home's server.

        `pg_ctl status` asks less: it believes a zombie, and a process that was given the same id after a reboot.
        """
        try:
            process = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
            return process.status() != psutil.STATUS_ZOMBIE and str(self._data) in process.cmdline()
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return False


def _answers(connection: Connection) -> bool:
    """Whether the server takes connections; true also when all of them are in use."""
    where = make_conninfo(connection.url("postgres", driver="postgresql"), connect_timeout=5)
    return psycopg.pq.PGconn.ping(where.encode()) == psycopg.pq.Ping.OK


def _is_last(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
