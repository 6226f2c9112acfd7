"""Brings a database to the schema of this code, and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from ldtm_platform.warehouse.catalog import described, described_code
from ldtm_platform.warehouse.exposed import expose, withdraw
from ldtm_platform.warehouse.tables import metadata

VERSION_TABLE = "ldtm_alembic_version"
_MIGRATIONS = Path(__file__).parents[2] / "migrations"
UPGRADE_LOCK = 7_305_808_869_231_650_305  # any number that nobody else uses: it keeps two upgrades apart


class ForeignDatabase(Exception):
    """The database holds tables of our names that our migrations did not make."""


class DatabaseTooNew(Exception):
    """The database was upgraded by newer code than this."""


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Create or update the schema and the readers' views; does nothing where they are up to date.

    Safe when several processes call it at once.

    Raises:
        ForeignDatabase: tables of our names are there without our version table.
        DatabaseTooNew: its revision is not known here.
    """
    with _locked(engine) as connection:
        _refuse_foreign_tables(connection)
        _refuse_newer_revision(connection)
        if _present(connection) != _newest():
            withdraw(connection)
        command.upgrade(_config(connection), revision)
        if _present(connection) == _newest():
            expose(connection)


def downgrade(engine: sa.Engine, revision: str) -> None:
    """Take the schema back to a revision; "base" leaves nothing of ours but the empty version table.

    Raises DatabaseTooNew when the database's present revision is not known here.
    """
    with _locked(engine) as connection:
        _refuse_newer_revision(connection)
        withdraw(connection)
        command.downgrade(_config(connection), revision)


def disagreements(engine: sa.Engine) -> list[str]:
    """Sentences that say where the database differs from this code; empty when they agree.

    Compares columns, constraints, indexes, views, functions and triggers. Tables of other owners are left out.
    """
    with engine.connect() as connection:
        schema = connection.execute(sa.select(sa.func.current_schema())).scalar_one()
        code = described_code(connection)
        database = {name: text for name, text in described(connection, schema).items() if _is_ours(name, code)}
    missing = [f"{name} is missing in the database" for name in sorted(code.keys() - database.keys())]
    extra = [f"{name} is in the database but not in the code" for name in sorted(database.keys() - code.keys())]
    changed = [
        f"{name} is {database[name]!r} in the database and {code[name]!r} in the code"
        for name in sorted(code.keys() & database.keys())
        if code[name] != database[name]
    ]
    return missing + extra + changed


def _is_ours(name: str, code: dict[str, str]) -> bool:
    table = name.split()[1].split(".")[0]
    return name in code or table in metadata.tables


@contextmanager
def _locked(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        yield connection


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _present(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _newest() -> str | None:
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


def _refuse_foreign_tables(connection: sa.Connection) -> None:
    present = set(sa.inspect(connection).get_table_names())
    ours = sorted(present & set(metadata.tables))
    if ours and VERSION_TABLE not in present:
        raise ForeignDatabase(
            f"database {connection.engine.url.database!r} already holds {', '.join(ours)}, which these migrations did "
            "not create (an earlier system's database?). Nothing was changed: set DB_NAME to a new, empty database."
        )


def _refuse_newer_revision(connection: sa.Connection) -> None:
    present = _present(connection)
    known = [script.revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()]
    if present is not None and present not in known:
        raise DatabaseTooNew(
            f"database {connection.engine.url.database!r} is at revision {present!r}, and this code knows none beyond "
            f"{known[0]!r}: newer code has upgraded it. Nothing was changed: update the code, or set DB_NAME to "
            "another database."
        )
