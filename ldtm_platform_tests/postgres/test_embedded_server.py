"""What a healthy embedded server does: starts, answers by socket and TCP, keeps its data, guards its password."""

import os
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection, EmbeddedPostgres
from ldtm_platform.postgres.sockets import fits_socket

DRIVERS = ("postgresql+psycopg", "postgresql+psycopg2")


def _ask(connection: Connection, statement: str, database: str = "postgres") -> object:
    with psycopg.connect(connection.url(database, driver="postgresql"), autocommit=True) as client:
        row = client.execute(statement.encode()).fetchone()
    return row[0] if row else None


def test_a_cold_start_makes_a_server_with_our_settings(home: Path) -> None:
    connection = EmbeddedPostgres(home).ensure()
    assert _ask(connection, "SELECT current_setting('max_connections')") == "200"
    assert _ask(connection, "SELECT current_setting('TimeZone')") == "UTC"
    assert _ask(connection, "SELECT current_setting('server_encoding')") == "UTF8"


def test_rows_port_and_password_survive_stop_and_start(home: Path) -> None:
    server = EmbeddedPostgres(home)
    first = server.ensure()
    server.ensure_database("kept")
    with psycopg.connect(first.url("kept", driver="postgresql")) as client:
        client.execute("CREATE TABLE bars AS SELECT 282.22::float8 AS close")
    server.stop()
    assert not server.is_running()
    server.stop()
    assert server.ensure() == first
    assert _ask(first, "SELECT close FROM bars", "kept") == 282.22


def test_a_second_ensure_leaves_the_server_as_it_is(running: EmbeddedPostgres) -> None:
    started = _ask(running.ensure(), "SELECT pg_postmaster_start_time()")
    again = EmbeddedPostgres(running.home).ensure()
    assert again == running.ensure()
    assert _ask(again, "SELECT pg_postmaster_start_time()") == started
    assert running.is_running()


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_connects_by_socket_and_by_tcp(running: EmbeddedPostgres, driver: str) -> None:
    by_socket = running.ensure()
    for connection in (by_socket, replace(by_socket, socket_dir=None)):
        engine = sa.create_engine(connection.url("postgres", driver=driver))
        with engine.connect() as client:
            address = client.execute(sa.text("SELECT host(inet_server_addr())")).scalar()
        engine.dispose()
        assert address == (None if connection.socket_dir else "127.0.0.1")


def test_tcp_refuses_a_wrong_password(running: EmbeddedPostgres) -> None:
    wrong = replace(running.ensure(), socket_dir=None, password="guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _ask(wrong, "SELECT 1")


def test_password_and_socket_are_closed_to_other_accounts(running: EmbeddedPostgres) -> None:
    socket_dir = running.ensure().socket_dir
    assert socket_dir is not None
    assert Path(socket_dir).stat().st_mode & 0o777 == 0o700
    assert (running.home / "connection.json").stat().st_mode & 0o777 == 0o600
    assert not list(running.home.rglob("*.unfinished"))


def test_a_server_started_by_root_runs_as_another_account(running: EmbeddedPostgres) -> None:
    owner = (running.home / "data").stat().st_uid
    assert owner != 0
    assert os.geteuid() in (0, owner)


def test_two_callers_may_ensure_one_database_at_once(running: EmbeddedPostgres) -> None:
    failures: list[BaseException] = []

    def create() -> None:
        try:
            EmbeddedPostgres(running.home).ensure_database("wanted")
        except psycopg.Error as error:
            failures.append(error)

    callers = [threading.Thread(target=create) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not failures
    assert _ask(running.ensure(), "SELECT count(*) FROM pg_database WHERE datname = 'wanted'") == 1


def test_a_server_with_every_connection_taken_still_counts_as_running(running: EmbeddedPostgres) -> None:
    url = running.ensure().url("postgres", driver="postgresql")
    with ExitStack() as clients:
        with suppress(psycopg.OperationalError):
            for _ in range(201):
                clients.enter_context(psycopg.connect(url))
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            psycopg.connect(url)
        assert running.is_running()
        running.ensure(timeout=1)


def test_the_password_is_not_in_repr() -> None:
    connection = Connection("ldtm", "s3cret", "127.0.0.1", 5432, None)
    assert "s3cret" not in repr(connection)
    assert connection.url("ldtm", driver="postgresql+psycopg") == "postgresql+psycopg://ldtm:s3cret@127.0.0.1:5432/ldtm"


def test_a_home_may_have_spaces_and_odd_characters(home: Path) -> None:
    connection = EmbeddedPostgres(home / "it's my 100%é+&? #home").ensure()
    assert connection.socket_dir is not None
    assert _ask(connection, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["x" * 100, "a,b"])
def test_a_home_whose_socket_cannot_be_named_is_reached_by_tcp(home: Path, name: str) -> None:
    connection = EmbeddedPostgres(home / name).ensure()
    assert connection.socket_dir is None
    assert _ask(connection, "SELECT host(inet_server_addr())") == "127.0.0.1"


def test_the_longest_socket_path_fits_and_one_byte_more_does_not() -> None:
    longest = "/" + "d" * (103 - len("//.s.PGSQL.65535"))
    assert fits_socket(Path(longest))
    assert not fits_socket(Path(longest + "d"))
    assert not fits_socket(Path(longest[:-1] + "é"))
