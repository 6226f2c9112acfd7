"""The reader's role is made where that is allowed, taken from the settings where it is named, and missed honestly."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.stack.session import migrate
from ldtm_platform.warehouse.migrate import downgrade, upgrade
from ldtm_platform.warehouse.reader import gaps, reader_engine
from ldtm_platform_tests.scratch import DRIVER
from ldtm_platform_tests.warehouse.rows import query

SECRET = "s3cret of mine"
OWNER = "reader_tests_owner"
ROLES = (f"{OWNER}_reader", "their_reader", OWNER)


def execute(server: Connection, *statements: str, database: str = "postgres") -> None:
    admin = sa.create_engine(server.url(database, driver=DRIVER), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    admin.dispose()


@pytest.fixture
def owner(server: Connection) -> Iterator[str]:
    """The URL, by TCP and password, of a migrated database whose owner may do nothing on the rest of the server."""
    execute(server, f"CREATE ROLE {OWNER} LOGIN PASSWORD '{SECRET}'", f"CREATE DATABASE {OWNER} OWNER {OWNER}")
    url = sa.URL.create(DRIVER, OWNER, SECRET, server.host, server.port, OWNER).render_as_string(hide_password=False)
    migrate(url)
    yield url
    execute(server, f"DROP DATABASE {OWNER} WITH (FORCE)", *(f"DROP ROLE IF EXISTS {role}" for role in ROLES))


def named(**settings: str) -> Settings:
    return Settings(_env_file=None, **settings)  # type: ignore[arg-type]


def wall(url: str) -> list[str]:
    engine = reader_engine(url)
    try:
        return gaps(engine)
    finally:
        engine.dispose()


def test_an_owner_who_may_create_roles_gets_a_reader_with_a_password_of_its_own(server: Connection, owner: str) -> None:
    execute(server, f"ALTER ROLE {OWNER} CREATEROLE")
    url = reader_url(named(), owner)
    assert wall(url) == []
    password = sa.make_url(url).password
    assert password
    assert password != SECRET
    # Every process finds the same one, and a changed owner's password changes it too.
    assert reader_url(named(), owner) == url


def test_where_no_role_may_be_made_reading_goes_on_without_the_wall_and_says_so(owner: str) -> None:
    url = reader_url(named(), owner)
    assert url == owner
    found = wall(url)
    assert f"role '{OWNER}' may change rows" in found
    reading = reader_engine(url)
    with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
        query(reading, "DELETE FROM ldtm_run_log RETURNING 1")
    reading.dispose()


def test_a_role_that_the_settings_name_is_granted_the_views(server: Connection, owner: str) -> None:
    execute(server, f"CREATE ROLE their_reader LOGIN PASSWORD '{SECRET}'")
    url = reader_url(named(db_reader_user="their_reader", db_reader_password=SECRET), owner)
    assert sa.make_url(url).username == "their_reader"
    assert wall(url) == []


def test_a_role_that_is_named_and_is_not_there_is_not_made_up(owner: str) -> None:
    assert reader_url(named(db_reader_user="their_reader", db_reader_password=SECRET), owner) == owner


def test_grants_outlive_an_upgrade_that_makes_the_views_anew(server: Connection, owner: str) -> None:
    execute(server, f"ALTER ROLE {OWNER} CREATEROLE")
    url = reader_url(named(), owner)
    engine = sa.create_engine(owner)
    downgrade(engine, "0006")
    upgrade(engine)
    engine.dispose()
    reading = reader_engine(url)
    assert query(reading, "SELECT count(*) AS rows FROM ldtm_model_cards") == [{"rows": 0}]
    reading.dispose()
