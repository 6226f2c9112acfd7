"""The role of the screens and answers: made where the database's own role may, else the one that the settings name.

The role belongs to one database and is named for it. Its password is derived from the owner's, so that every process
knows it and nothing is stored.
"""

import hmac
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ldtm_platform.settings import Settings
from ldtm_platform.warehouse.exposed import EXPOSED, READER_SCHEMA
from ldtm_platform.warehouse.migrate import UPGRADE_LOCK

_GRANTED = """
SELECT count(*) = %(views)s AND NOT has_database_privilege(current_database(), 'TEMP') AS enough
FROM pg_class c
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relname = ANY(%(names)s)
  AND has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"""


def reader_url(settings: Settings, owner: str) -> str:
    """The URL for `warehouse.reader.reader_engine`, for a migrated database whose owner's URL is given.

    The role is made, or granted what it lacks, on the way. Where that is not allowed, the owner's own URL comes back:
    transactions still only read, and `warehouse.reader.gaps` says what is missing.
    """
    url = sa.make_url(owner)
    role, password = _credentials(settings, url)
    reader = url.set(username=role, password=password)
    walled = reader.update_query_dict({"options": f"-csearch_path={READER_SCHEMA}"})
    if not _is_ready(walled) and not (_grant(url, role, password, make=settings.db_reader_user is None)):
        return owner
    return walled.render_as_string(hide_password=False) if _is_ready(walled) else owner


def _credentials(settings: Settings, owner: sa.URL) -> tuple[str, str | None]:
    if settings.db_reader_user:
        return settings.db_reader_user, settings.db_reader_password.get_secret_value() or None
    role = f"{owner.database}_reader"[:63]
    # An owner without a password comes in by the server's trust, and so does the reader.
    secret = str(owner.password or "")
    return role, hmac.new(secret.encode(), role.encode(), "sha256").hexdigest() if secret else None


def _is_ready(reader: sa.URL) -> bool:
    """Whether the role can log in, may read every view, and may not make temporary tables."""
    try:
        with _connected(reader) as connection:
            known = {"views": len(EXPOSED), "schema": READER_SCHEMA, "names": list(EXPOSED)}
            row = connection.execute(_GRANTED, known).fetchone()
    except psycopg.OperationalError:
        return False
    return bool(row and row[0])


def _grant(owner: sa.URL, role: str, password: str | None, *, make: bool) -> bool:
    """Make the role where asked, and grant it the views and nothing else; False where the owner may not."""
    name, schema = sql.Identifier(role), sql.Identifier(READER_SCHEMA)
    database = sql.Identifier(owner.database or "")
    try:
        with _connected(owner) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (UPGRADE_LOCK,))
            if make:
                _make(connection, role, password)
            for statement in (
                sql.SQL("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"),
                sql.SQL("GRANT CONNECT ON DATABASE {database} TO {role}"),
                sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role}"),
                sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"),
                sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}"),
            ):
                connection.execute(statement.format(role=name, schema=schema, database=database))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject, psycopg.errors.InvalidSchemaName):
        return False
    return True


def _make(connection: psycopg.Connection[tuple[Any, ...]], role: str, password: str | None) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    statement = sql.SQL(
        "{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION PASSWORD {password}"
    ).format(verb=sql.SQL("ALTER" if exists else "CREATE"), role=sql.Identifier(role), password=sql.Literal(password))
    connection.execute(statement)


def _connected(url: sa.URL) -> psycopg.Connection[tuple[Any, ...]]:
    names: dict[str, Any] = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    given = {name: value for name, value in {**names, "dbname": url.database, **url.query}.items() if value}
    return psycopg.connect(make_conninfo(connect_timeout=5, **given))
