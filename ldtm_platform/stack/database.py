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
    if settings.db_host:
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

    ours = url(OUR_DRIVER, settings.db_name)
    _ensure_database(ours, settings.dagster_db_name, at=f"{settings.db_host}:{settings.db_port}")
    return DatabaseUrls(
        ours=ours.render_as_string(hide_password=False),
        dagster=url(DAGSTER_DRIVER, settings.dagster_db_name).render_as_string(hide_password=False),
    )


def _ensure_database(ours: sa.URL, name: str, *, at: str) -> None:
    engine = sa.create_engine(ours, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            known = sa.text("SELECT 1 FROM pg_database WHERE datname = :name")
            exists = connection.execute(known, {"name": name}).first()
            if not exists:
                connection.execute(sa.text(f"CREATE DATABASE {engine.dialect.identifier_preparer.quote(name)}"))
    except sa.exc.OperationalError as error:
        raise DatabaseUnreachable(
            f"cannot connect to PostgreSQL at {at} as {ours.username!r} to {ours.database!r}: {_reason(error)}. "
            "Check DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD, or unset DB_HOST to use the embedded server."
        ) from None
    except sa.exc.ProgrammingError as error:
        raise DatabaseUnreachable(
            f"Dagster needs its own database {name!r}, and {ours.username!r} may not create it ({_reason(error)}). "
            f"Create it once as an administrator, owned by {ours.username!r}, or name another in DAGSTER_DB_NAME."
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
