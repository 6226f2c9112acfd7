"""What the embedded server survives (kills, stale files, taken ports), and what it refuses, in which words."""

import os
import shutil
import signal
import socket
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from ldtm_platform.postgres.cluster import MAX_LOG_BYTES, roll_log
from ldtm_platform.postgres.errors import PostgresUnavailable
from ldtm_platform.postgres.server import Connection, EmbeddedPostgres


def _postmaster(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().split()[0])


def _kill(pid: int) -> None:
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([process], timeout=10)


def _write_row(connection: Connection) -> None:
    with psycopg.connect(connection.url("postgres", driver="postgresql")) as client:
        client.execute("CREATE TABLE bars AS SELECT 315.00::float8 AS close")


def _row(connection: Connection) -> object:
    with psycopg.connect(connection.url("postgres", driver="postgresql")) as client:
        row = client.execute("SELECT close FROM bars").fetchone()
    return row[0] if row else None


def test_committed_rows_are_intact_after_a_kill_of_the_server_with_clients_connected(made_home: Path) -> None:
    server = EmbeddedPostgres(made_home)
    connection = server.ensure()
    _write_row(connection)
    with closing(psycopg.connect(connection.url("postgres", driver="postgresql"))):
        _kill(_postmaster(made_home))
        assert not server.is_running()
        assert _row(server.ensure()) == 315.0
    server.stop()
    assert not server.is_running()


def test_a_stale_process_file_does_not_stop_a_start(made_home: Path) -> None:
    server = EmbeddedPostgres(made_home)
    _write_row(server.ensure())
    # Cut short by a power loss; the id of a live process that is no server of ours, as after a reboot; no process.
    for pid in ("", "not a number", str(os.getpid()), "4194305"):
        server.stop()
        (made_home / "data" / "postmaster.pid").write_text(f"{pid}\n{made_home / 'data'}\n1\n5432\n" if pid else "")
        assert not server.is_running()
        server.stop()
        assert _row(server.ensure()) == 315.0


def test_another_port_is_chosen_when_the_old_one_is_taken(made_home: Path) -> None:
    server = EmbeddedPostgres(made_home)
    first = server.ensure()
    _write_row(first)
    server.stop()
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", first.port))
        taker.listen()
        second = server.ensure()
    assert second.port != first.port
    assert _row(second) == 315.0


def test_what_a_killed_first_start_left_is_cleared_away(home: Path) -> None:
    leftover = home / "data.unfinished"
    (leftover / "base").mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18")
    home.chmod(0o755)
    (home / "password.unfinished").write_text("old")
    EmbeddedPostgres(home).ensure()
    assert not leftover.exists()
    assert not (home / "password.unfinished").exists()


def test_a_moved_home_starts_where_it_now_is(made_home: Path) -> None:
    server = EmbeddedPostgres(made_home)
    _write_row(server.ensure())
    server.stop()
    moved = made_home.with_name("moved")
    made_home.rename(moved)
    connection = EmbeddedPostgres(moved).ensure()
    assert connection.socket_dir == str(moved.resolve() / "run")
    assert _row(connection) == 315.0


def test_a_cluster_of_another_major_release_is_refused(made_home: Path) -> None:
    server = EmbeddedPostgres(made_home)
    server.ensure()
    server.stop()
    (made_home / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(PostgresUnavailable, match=r"made by PostgreSQL 17, but the programs in .* are 18"):
        server.ensure()


def test_a_failed_start_shows_the_end_of_the_log_and_its_path(made_home: Path) -> None:
    server = EmbeddedPostgres(made_home)
    server.ensure()
    server.stop()
    with (made_home / "data" / "postgresql.conf").open("a") as settings:
        settings.write("\nwork_mem = 'plenty'\n")
    with pytest.raises(PostgresUnavailable, match="did not start") as failure:
        server.ensure()
    assert str(made_home / "data" / "start.log") in str(failure.value)
    assert 'invalid value for parameter "work_mem": "plenty"' in str(failure.value)


def test_a_lost_connection_file_is_named(made_home: Path) -> None:
    server = EmbeddedPostgres(made_home)
    server.ensure()
    server.stop()
    (made_home / "connection.json").unlink()
    with pytest.raises(PostgresUnavailable, match=r"connection\.json is gone.*move data away"):
        server.ensure()


def test_a_link_to_data_that_is_not_there_is_never_replaced_by_an_empty_database(home: Path) -> None:
    home.mkdir()
    (home / "data").symlink_to("/nowhere/at/all/data")
    with pytest.raises(PostgresUnavailable, match="mount or restore it"):
        EmbeddedPostgres(home).ensure()
    assert (home / "data").is_symlink()


def test_a_home_that_the_shell_of_pg_ctl_would_misread_is_refused(home: Path) -> None:
    with pytest.raises(PostgresUnavailable, match="may not hold any of the characters"):
        EmbeddedPostgres(home / "a$(b)").ensure()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another account")
def test_a_home_that_the_servers_account_cannot_enter_keeps_its_data_outside(home: Path) -> None:
    home.mkdir(mode=0o700)
    server = EmbeddedPostgres(home)
    _write_row(server.ensure())
    outside = (home / "data").resolve().parent
    assert outside.parent == Path("/var/lib/ldtm_platform")
    server.stop()
    assert _row(server.ensure()) == 315.0
    server.stop()
    shutil.rmtree(outside)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_of_another_user_is_named() -> None:
    with pytest.raises(PostgresUnavailable, match="no permission for"):
        EmbeddedPostgres(Path("/ldtm-home")).ensure()


def test_a_log_that_grew_large_is_set_aside(tmp_path: Path) -> None:
    log = tmp_path / "start.log"
    log.write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    roll_log(log)
    assert not log.exists()
    assert (tmp_path / "start.old.log").stat().st_size == MAX_LOG_BYTES + 1
