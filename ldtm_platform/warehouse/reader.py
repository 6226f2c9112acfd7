"""The engine of screens, metrics and answers: a role that can only select from views, in transactions that only read.

What holds, and why it is here: grants on the views of one schema (a role's own settings can be switched off from SQL);
a READ ONLY transaction in which a query has already run, so that it cannot be made writable; every statement prepared,
which refuses `a; b`; a cap on rows; a timeout that the client keeps, because the server's can be set from SQL.
"""

import os
from typing import Any, Self

import psycopg
import sqlalchemy as sa
from psycopg.abc import Params, QueryNoTemplate

from ldtm_platform.warehouse.deadlines import Deadlines
from ldtm_platform.warehouse.exposed import READER_SCHEMA

URL_VARIABLE = "LDTM_READER_URL"
ROW_CAP = 300_000
STATEMENT_SECONDS = 20.0
_CONNECT = {
    "connect_timeout": 5,
    # A server that is gone without a word is noticed within a statement's time.
    "tcp_user_timeout": int(STATEMENT_SECONDS * 1000),
    "application_name": "ldtm reader",
}
_PLAN_OUTDATED = "0A000"
_deadlines = Deadlines()


class NoReader(RuntimeError):
    """No database to read was named to this process; the message says which command names one."""


class TooManyRows(RuntimeError):
    """A reader asked for more rows than any screen or answer needs."""


class ReadingCursor(psycopg.Cursor[Any]):
    """A cursor whose every statement is one prepared statement, with a time limit that no SQL can lift."""

    def execute(  # type: ignore[override] # SQLAlchemy sends text, never templates
        self,
        query: QueryNoTemplate,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """As psycopg's. Raises TooManyRows; psycopg.errors.QueryCanceled after STATEMENT_SECONDS."""
        with _deadlines.limited(self.connection, STATEMENT_SECONDS):
            super().execute(query, params, prepare=True, binary=binary)
        if self.rowcount > ROW_CAP:
            raise TooManyRows(f"a query gave {self.rowcount:,} rows; readers are given {ROW_CAP:,} at most: narrow it")
        return self


def reader_engine(url: str | None = None, *, pool_size: int = 8) -> sa.Engine:
    """A pool of reading connections, to the URL or to the one that the session named in LDTM_READER_URL.

    Raises NoReader when there is neither.
    """
    where = url or os.environ.get(URL_VARIABLE)
    if not where:
        raise NoReader(f"{URL_VARIABLE} is not set: start this with `ldtm dashboard` or `ldtm up`")
    engine = sa.create_engine(
        where,
        pool_size=pool_size,
        pool_pre_ping=True,
        connect_args={**_CONNECT, "cursor_factory": ReadingCursor},
        execution_options={"postgresql_readonly": True},
    )
    sa.event.listen(engine, "begin", _close_the_door)
    sa.event.listen(engine, "handle_error", _forget_outdated_plans)
    return engine


def gaps(engine: sa.Engine) -> list[str]:
    """Sentences that say which parts of the wall are missing; empty for a role that can only select from the views."""
    with engine.connect() as connection:
        role, found = connection.execute(sa.text(_WALL), {"schema": READER_SCHEMA}).one()
    return [f"role {role!r} {what}" for what in found]


_WALL = """
SELECT current_user, array_remove(ARRAY[
    CASE WHEN current_setting('is_superuser') = 'on' THEN 'is a superuser' END,
    CASE WHEN current_schema() IS DISTINCT FROM :schema THEN 'reads the tables themselves' END,
    CASE WHEN EXISTS (
        SELECT 1 FROM pg_class c
        WHERE c.relkind IN ('r', 'v', 'p') AND c.relnamespace NOT IN ('pg_catalog'::regnamespace,
              'information_schema'::regnamespace) AND c.relnamespace <> pg_my_temp_schema()
          AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    ) THEN 'may change rows' END,
    CASE WHEN has_database_privilege(current_database(), 'TEMP') THEN 'may make temporary tables' END,
    CASE WHEN has_database_privilege(current_database(), 'CREATE') OR EXISTS (
        SELECT 1 FROM pg_namespace n WHERE n.oid <> pg_my_temp_schema() AND has_schema_privilege(n.oid, 'CREATE')
    ) THEN 'may make tables' END
], NULL)"""


def _close_the_door(connection: sa.Connection) -> None:
    """Run a first query: from then on the transaction cannot be made writable."""
    connection.exec_driver_sql("SELECT 1")


def _forget_outdated_plans(context: sa.engine.ExceptionContext) -> None:
    """Give up connections whose prepared statements are of views that an upgrade has made anew."""
    if getattr(context.original_exception, "sqlstate", None) == _PLAN_OUTDATED:
        context.is_disconnect = True
