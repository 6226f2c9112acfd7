"""A process's session with the platform: the right database, migrated, and the variables that Dagster starts with."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection, EmbeddedPostgres
from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.stack.database import DatabaseUnreachable, DatabaseUrls, running_database
from ldtm_platform.stack.session import environment, instance_config, platform_session
from ldtm_platform.warehouse.migrate import disagreements
from ldtm_platform_tests.cli.home import Home, new_home
from ldtm_platform_tests.scratch import DRIVER
from ldtm_platform_tests.warehouse.rows import query

SECRET = "s3cret of mine"


@pytest.fixture
def home() -> Iterator[Home]:
    with new_home() as fresh:
        yield fresh


@pytest.fixture(autouse=True)
def environment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a session sets in this process is undone after the test."""
    urls = ("LDTM_DATABASE_URL", "LDTM_DAGSTER_URL", "LDTM_READER_URL")
    for name in ("DAGSTER_HOME", "DAGSTER_EVENT_BATCH_SIZE", "LDTM_HOME", *urls):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def settings_of(home: Home, monkeypatch: pytest.MonkeyPatch, **other: str) -> Settings:
    for name, value in {**home.settings, **other}.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_a_session_brings_up_a_migrated_database_and_stops_the_server_at_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(home, monkeypatch)
    with platform_session(settings) as variables:
        engine = sa.create_engine(variables["LDTM_DATABASE_URL"])
        assert disagreements(engine) == []
        databases = {row["datname"] for row in query(engine, "SELECT datname FROM pg_database")}
        assert {"ldtm", "dagster"} <= databases
        engine.dispose()
        assert os.environ["LDTM_DATABASE_URL"] == variables["LDTM_DATABASE_URL"]
    assert not home.postgres.is_running()


def test_dagsters_processes_are_given_its_home_both_databases_and_what_was_set(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(home, monkeypatch, LDTM_SEED="3")
    variables = environment(settings, DatabaseUrls(ours="ours", dagster="dagster's"))
    dagster_home = Path(variables["DAGSTER_HOME"])
    assert dagster_home == home.path / "dagster"
    assert (dagster_home / "dagster.yaml").read_text() == instance_config()
    assert (variables["LDTM_DATABASE_URL"], variables["LDTM_DAGSTER_URL"]) == ("ours", "dagster's")
    assert (variables["LDTM_HOME"], variables["LDTM_SEED"]) == (str(home.path), "3")
    assert variables["DAGSTER_EVENT_BATCH_SIZE"] == "100"


def test_urls_are_not_shown(server: Connection) -> None:
    assert server.password not in repr(DatabaseUrls(ours=server.url("a", driver=DRIVER), dagster=server.password))


@pytest.fixture
def account(server: Connection) -> Iterator[str]:
    """An account of the test server that may connect with SECRET and nothing else, owning a database of its name."""
    name = "plain_user"
    admin = sa.create_engine(server.url("postgres", driver=DRIVER), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'"))
        connection.execute(sa.text(f"CREATE DATABASE {name} OWNER {name}"))
    yield name
    with admin.connect() as connection:
        for database in (name, "dagster_of_plain_user"):
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
        connection.execute(sa.text(f"DROP ROLE IF EXISTS {name}_reader"))
        connection.execute(sa.text(f"DROP ROLE {name}"))
    admin.dispose()


def own_database(server: Connection, account: str, **other: str) -> dict[str, str]:
    named = {
        "DB_HOST": server.host,
        "DB_PORT": str(server.port),
        "DB_NAME": account,
        "DB_USER": account,
        "DB_PASSWORD": SECRET,
        "DAGSTER_DB_NAME": "dagster_of_plain_user",
    }
    return {**named, **other}


def test_the_users_own_postgresql_is_used_and_given_dagsters_database(
    home: Home, monkeypatch: pytest.MonkeyPatch, server: Connection, account: str
) -> None:
    admin = sa.create_engine(server.url("postgres", driver=DRIVER), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"ALTER ROLE {account} CREATEDB"))
    admin.dispose()
    settings = settings_of(home, monkeypatch, **own_database(server, account))
    for _ in range(2):  # the second time the database is there
        with platform_session(settings) as variables:
            for name in ("LDTM_DATABASE_URL", "LDTM_DAGSTER_URL"):
                engine = sa.create_engine(variables[name])
                assert query(engine, "SELECT current_user AS name") == [{"name": account}]
                engine.dispose()
    assert not (home.path / "postgres").exists()


@pytest.mark.parametrize("missing", ["dagster_of_plain_user", "no_such_database"])
def test_an_account_that_may_not_create_a_database_is_told_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch, server: Connection, account: str, missing: str
) -> None:
    other = {"DB_NAME": missing} if missing == "no_such_database" else {}
    settings = settings_of(home, monkeypatch, **own_database(server, account, **other))
    with pytest.raises(DatabaseUnreachable, match="Create it as an administrator") as refused:
        running_database(settings).__enter__()
    assert f"there is no database '{missing}', and '{account}' cannot create it" in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"DB_PASSWORD": "another s3cret"}, "password authentication failed"),
        ({"DB_USER": "nobody_here"}, "password authentication failed"),
        ({"DB_HOST": "no-such-host.invalid"}, "no-such-host.invalid"),
    ],
)
def test_a_database_that_cannot_be_used_is_explained_without_its_password(
    home: Home, monkeypatch: pytest.MonkeyPatch, server: Connection, account: str, wrong: dict[str, str], message: str
) -> None:
    settings = settings_of(home, monkeypatch, **own_database(server, account, **wrong))
    with pytest.raises(DatabaseUnreachable, match=message) as refused:
        running_database(settings).__enter__()
    text = str(refused.value)
    assert "Check DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD" in text
    assert "s3cret" not in text


STAY = """
import sys
from ldtm_platform.settings import load_settings
from ldtm_platform.stack.session import platform_session
with platform_session(load_settings()):
    print("inside", flush=True)
    sys.stdin.read()
"""


def test_the_server_stays_while_another_process_is_inside_its_session(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", STAY]
    with subprocess.Popen(
        command, env=home.variables(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "inside\n"
        with platform_session(settings_of(home, monkeypatch)):
            pass
        assert EmbeddedPostgres(home.path / "postgres").is_running()
        other.communicate()
    assert other.returncode == 0
    assert not home.postgres.is_running()
