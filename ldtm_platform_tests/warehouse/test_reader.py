"""The reader's role on a real PostgreSQL: it answers every read, and every way out that we know of is closed."""

import inspect
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.warehouse import reader, reads
from ldtm_platform.warehouse.exposed import EXPOSED, READER_SCHEMA
from ldtm_platform.warehouse.reader import NoReader, TooManyRows, gaps, reader_engine
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.warehouse.rows import query

LAST = date(2026, 4, 22)
TICKERS = ("AAPL", "AMD", "MSFT", "NVDA", "TQQQ")
ARGUMENTS: dict[str, object] = {
    "tickers": list(TICKERS),
    "ticker": "AAPL",
    "session": LAST,
    "since": date(2020, 1, 2),
    "family": "ldtm",
    "through": LAST,
    "first": date(2026, 1, 2),
    "last": LAST,
    "days": 5,
    "limit": 10,
}


@pytest.fixture(scope="module")
def url(server: Connection, template: str) -> Iterator[str]:
    """A migrated database for all of these tests: none of them may change it."""
    with scratch_database(server, template) as fresh:
        yield fresh


@pytest.fixture(scope="module")
def owner(url: str) -> Iterator[sa.Engine]:
    """Its owner, with a short history in it."""
    made = sa.create_engine(url)
    fill(made, tickers=TICKERS, sessions=sessions_through(LAST, 40))
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def reading(url: str, owner: sa.Engine) -> Iterator[sa.Engine]:
    """Its reader."""
    made = reader_engine(reader_url(Settings(), url))
    yield made
    made.dispose()


def say(reading: sa.Engine, *statements: str) -> list[Any]:
    """The statements one after the other on one connection, as SQLAlchemy sends them; the last one's rows."""
    with reading.connect() as connection:
        result = [connection.exec_driver_sql(statement) for statement in statements][-1]
        return list(result) if result.returns_rows else []


def needed(name: str) -> dict[str, object]:
    """Arguments for one of the reads: what it must be given."""
    parameters = list(inspect.signature(getattr(reads, name)).parameters.values())[1:]
    return {each.name: ARGUMENTS[each.name] for each in parameters if each.default is inspect.Parameter.empty}


def test_every_read_gives_the_reader_what_it_gives_the_owner(owner: sa.Engine, reading: sa.Engine) -> None:
    names = [name for name, each in inspect.getmembers(reads, inspect.isfunction) if each.__module__ == reads.__name__]
    asked = [name for name in names if not name.startswith("_")]
    assert len(asked) > 20
    for name in asked:
        ours, theirs = (getattr(reads, name)(each, **needed(name)) for each in (owner, reading))
        assert ours.equals(theirs) if hasattr(ours, "equals") else ours == theirs, name


def test_nothing_is_missing_from_the_wall(owner: sa.Engine, reading: sa.Engine) -> None:
    assert gaps(reading) == []
    assert len(gaps(owner)) == 5


CANNOT = [
    # Writing, in every way that PostgreSQL knows.
    "INSERT INTO news_feeds (address) VALUES ('x')",
    "UPDATE ldtm_daily_snapshots SET next_day_actual = 1",
    "DELETE FROM ldtm_run_log",
    "WITH gone AS (DELETE FROM ldtm_run_log RETURNING 1) SELECT * FROM gone",
    "TRUNCATE ldtm_run_log",
    "MERGE INTO news_feeds f USING (SELECT 1) s ON false WHEN NOT MATCHED THEN INSERT (address) VALUES ('x')",
    "SELECT * FROM ldtm_run_log FOR UPDATE",
    "LOCK TABLE ldtm_run_log IN ACCESS EXCLUSIVE MODE",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "SELECT 1 AS id INTO TEMPORARY mine",
    "CREATE TABLE public.mine (id int)",
    "CREATE VIEW mine AS SELECT 1 AS id",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "DROP VIEW ldtm_run_log",
    "ALTER ROLE current_user SUPERUSER",
    "SELECT lo_create(4711)",
    "SELECT nextval(pg_get_serial_sequence('public.ldtm_run_log', 'id'))",
    "COMMENT ON SCHEMA ldtm_read IS 'mine'",
    # The tables themselves, and what else there is on the server.
    "SELECT * FROM public.market_data_daily",
    "SELECT * FROM public.ldtm_alembic_version",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_shadow",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "COPY ldtm_run_log TO '/tmp/ldtm_out'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "SELECT lo_import('/etc/passwd')",
    "SELECT pg_reload_conf()",
    "CREATE EXTENSION dblink",
    # Becoming somebody else, or undoing the transaction.
    "SET ROLE postgres",
    "SET ROLE ldtm",
    "SET SESSION AUTHORIZATION ldtm",
    "SET TRANSACTION READ WRITE",
    "SET LOCAL transaction_read_only = off",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "BEGIN READ WRITE; DELETE FROM public.ldtm_run_log",
    # Several at once.
    "SELECT 1; SELECT 2",
    "SELECT 1; COMMIT; BEGIN READ WRITE; DELETE FROM public.ldtm_run_log",
]


@pytest.mark.parametrize("statement", CANNOT)
def test_a_way_out_is_closed(reading: sa.Engine, statement: str) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        say(reading, statement)


def test_a_transaction_that_was_ended_from_sql_still_cannot_write(owner: sa.Engine, reading: sa.Engine) -> None:
    before = query(owner, "SELECT count(*) AS rows FROM news_feeds")
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        say(reading, "COMMIT", "BEGIN READ WRITE", "INSERT INTO news_feeds (address) VALUES ('x')")
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        say(reading, "COMMIT", "BEGIN READ WRITE", "CREATE TEMPORARY TABLE mine (id int)")
    assert query(owner, "SELECT count(*) AS rows FROM news_feeds") == before


def test_resetting_the_role_and_the_search_path_gains_nothing(reading: sa.Engine) -> None:
    (role,) = say(reading, "RESET ROLE", "RESET SESSION AUTHORIZATION", "SELECT current_user")
    assert role[0].endswith("_reader")
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        say(reading, "SET search_path = public", "SELECT * FROM ldtm_run_log")


def test_the_time_limit_is_kept_by_the_client_whatever_sql_says(
    reading: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(reader, "STATEMENT_SECONDS", 0.3)
        with pytest.raises(sa.exc.OperationalError) as stopped:
            say(reading, "SET statement_timeout = 0", "SELECT pg_sleep(60)")
    assert isinstance(stopped.value.orig, psycopg.errors.QueryCanceled)
    assert say(reading, "SELECT 1") == [(1,)]


def test_more_rows_than_anybody_needs_are_refused(reading: sa.Engine) -> None:
    with pytest.raises(TooManyRows, match="300,001 rows"):
        say(reading, "SELECT generate_series(1, 300001)")


def test_the_reader_of_one_database_has_nothing_in_another(reading: sa.Engine) -> None:
    other = reading.url.set(database="postgres")
    elsewhere = reader_engine(other.render_as_string(hide_password=False))
    assert query(elsewhere, "SELECT current_schema() AS name") == [{"name": None}]
    assert query(elsewhere, "SELECT has_schema_privilege('public', 'CREATE') AS may") == [{"may": False}]
    elsewhere.dispose()


def test_connections_survive_views_that_are_made_anew(engine: sa.Engine, database_url: str) -> None:
    reading = reader_engine(reader_url(Settings(), database_url))
    assert say(reading, "SELECT * FROM news_feeds") == []
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP VIEW {READER_SCHEMA}.news_feeds"))
        connection.execute(sa.text(f"CREATE VIEW {READER_SCHEMA}.news_feeds AS SELECT address FROM public.news_feeds"))
    with suppress(sa.exc.DBAPIError):
        # The first to come learns it.
        say(reading, "SELECT * FROM news_feeds")
    assert say(reading, "SELECT * FROM news_feeds") == []
    reading.dispose()


def test_every_exposed_name_is_shown_by_one_view(owner: sa.Engine) -> None:
    named = "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = to_regnamespace(:schema)"
    assert {row["relname"] for row in query(owner, named, schema=READER_SCHEMA)} == set(EXPOSED)


def test_without_a_database_to_read_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LDTM_READER_URL", raising=False)
    with pytest.raises(NoReader, match="`ldtm dashboard`"):
        reader_engine()
