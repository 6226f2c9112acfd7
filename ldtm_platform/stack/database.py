"""Where PostgreSQL is: the user's own with DB_*, the embedded one otherwise; a database for us and one for Dagster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from ldtm_platform.postgres.server import EmbeddedPostgres
from ldtm_platform.settings import Settings

# SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3, which dagster-postgres does not ship: always name the driver.
OUR_DRIVER = "postgresql+psycopg"
DAGSTER_DRIVER = "postgresql+psycopg2"


class DatabaseUnreachable(RuntimeError):
    """PostgreSQL cannot be used as configured; the message says what to set or start."""


@dataclass(frozen=True)
class DatabaseUrls:
    """Connection URLs; they may hold a password and are never shown."""

    ours: str = field(repr=False)
    dagster: str = field(repr=False)


@contextmanager
def running_database(settings: Settings) -> Iterator[DatabaseUrls]:
    """PostgreSQL up, with both databases, for as long as the block lasts.

    The embedded server stops with the last process that leaves such a block. Raises DatabaseUnreachable.
    """
    if settings.db_host and not settings.embedded:
        yield _external(settings)
        return
    server = EmbeddedPostgres(settings.home / "postgres")
    with server.session() as connection:
        for name in (settings.db_name, settings.dagster_db_name):
            server.ensure_database(name)
        urls = DatabaseUrls(
            ours=connection.url(settings.db_name, driver=OUR_DRIVER),
            dagster=connection.url(settings.dagster_db_name, driver=DAGSTER_DRIVER),
        )
        _relax_event_log(connection.url(settings.dagster_db_name, driver=OUR_DRIVER), settings.dagster_db_name)
        yield urls


def _external(settings: Settings) -> DatabaseUrls:
    def url(driver: str, database: str) -> sa.URL:
        password = settings.db_password.get_secret_value() or None
        return sa.URL.create(driver, settings.db_user, password, settings.db_host, settings.db_port, database)

    for name in (settings.db_name, settings.dagster_db_name):
        if not _opens(url(OUR_DRIVER, name)):
            # Where neither is there yet, the server's own database is the door to make them.
            _create(url(OUR_DRIVER, "postgres"), name)
    return DatabaseUrls(
        ours=url(OUR_DRIVER, settings.db_name).render_as_string(hide_password=False),
        dagster=url(DAGSTER_DRIVER, settings.dagster_db_name).render_as_string(hide_password=False),
    )


def _opens(url: sa.URL) -> bool:
    """Whether the database is there; DatabaseUnreachable when the server cannot be used at all."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        engine.connect().close()
    except sa.exc.OperationalError as error:
        if f'database "{url.database}" does not exist' in str(error.orig):
            return False
        raise DatabaseUnreachable(
            f"cannot connect to PostgreSQL at {url.host}:{url.port} as {url.username!r} to {url.database!r}: "
            f"{_reason(error)}. Check DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD, or unset DB_HOST to use the "
            "embedded server."
        ) from None
    finally:
        engine.dispose()
    return True


def _create(server: sa.URL, name: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {engine.dialect.identifier_preparer.quote(name)}"))
    except sa.exc.DBAPIError as error:
        raise DatabaseUnreachable(
            f"there is no database {name!r}, and {server.username!r} cannot create it ({_reason(error)}). "
            f"Create it as an administrator, owned by {server.username!r}, or name another (DB_NAME, DAGSTER_DB_NAME)."
        ) from None
    finally:
        engine.dispose()


def _relax_event_log(url: str, database: str) -> None:
    """Commits of Dagster's event log need not wait for the disk: a power cut loses a moment of log, never our data."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        name = engine.dialect.identifier_preparer.quote(database)
        connection.execute(sa.text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    engine.dispose()


def _reason(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
