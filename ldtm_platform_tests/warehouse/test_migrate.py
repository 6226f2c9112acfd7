"""The schema goes up and down, refuses what is not ours, and says where a database differs from the code."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection
from ldtm_platform.warehouse.migrate import (
    VERSION_TABLE,
    DatabaseTooNew,
    ForeignDatabase,
    disagreements,
    downgrade,
    upgrade,
)


@pytest.fixture
def empty(server: Connection) -> Iterator[sa.Engine]:
    """An engine to a database without any table."""
    admin = sa.create_engine(
        server.url("postgres", driver="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with admin.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE migrations"))
    engine = sa.create_engine(server.url("migrations", driver="postgresql+psycopg"))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(sa.text("DROP DATABASE migrations WITH (FORCE)"))


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def leftovers(engine: sa.Engine) -> set[str]:
    looked = sa.inspect(engine)
    with engine.connect() as connection:
        own = connection.execute(
            sa.text("SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace('public')")
        ).scalars()
        return {*looked.get_table_names(), *looked.get_view_names(), *own}


def test_an_empty_database_gets_the_schema_of_the_code_and_a_second_upgrade_changes_nothing(empty: sa.Engine) -> None:
    upgrade(empty)
    assert disagreements(empty) == []
    upgrade(empty)
    assert disagreements(empty) == []


def test_every_revision_goes_down_and_up_again_and_base_leaves_nothing(empty: sa.Engine) -> None:
    upgrade(empty)
    for revision in ("0014", "0009", "0007", "0006", "0005", "0004", "0003", "0002", "0001", "base"):
        downgrade(empty, revision)
    assert leftovers(empty) == {VERSION_TABLE}
    upgrade(empty)
    assert disagreements(empty) == []


def test_two_upgrades_at_once_do_not_collide(empty: sa.Engine) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(upgrade, [empty] * 3))
    assert disagreements(empty) == []


def test_tables_of_another_system_are_refused_by_name_and_left_alone(empty: sa.Engine) -> None:
    run(empty, "CREATE TABLE ldtm_run_log (id int)")
    with pytest.raises(ForeignDatabase, match=r"ldtm_run_log.*DB_NAME"):
        upgrade(empty)
    assert leftovers(empty) == {"ldtm_run_log"}


def test_a_database_of_newer_code_is_refused_with_its_revision_and_left_alone(engine: sa.Engine) -> None:
    run(engine, f"UPDATE {VERSION_TABLE} SET version_num = '0099'")
    with pytest.raises(DatabaseTooNew, match=r"'test_.*' is at revision '0099'.*beyond '0016'.*update the code"):
        upgrade(engine)
    with pytest.raises(DatabaseTooNew, match="'0099'"):
        downgrade(engine, "base")
    assert disagreements(engine) == []


def test_tables_of_others_beside_ours_are_nobodys_business(engine: sa.Engine) -> None:
    run(engine, "CREATE TABLE notes (id int)")
    assert disagreements(engine) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE ldtm_run_log ADD COLUMN extra int", "column ldtm_run_log.extra is in the database but not"),
        ("ALTER TABLE market_data_daily ALTER volume DROP NOT NULL", "column market_data_daily.volume is 'bigint' in"),
        ("ALTER TABLE market_data_daily DROP CONSTRAINT market_data_daily_high_low_check", "is missing"),
        ("DROP INDEX ldtm_daily_snapshots_open_idx", "index ldtm_daily_snapshots.ldtm_daily_snapshots_open_idx"),
        ("DROP VIEW ldtm_accuracy_30d CASCADE", "view ldtm_accuracy_30d is missing"),
        ("CREATE OR REPLACE VIEW model_champions AS SELECT ticker, family, version, promoted_at, reason, "
         "id AS promotion_id FROM model_promotions", "view model_champions is"),
        ("CREATE OR REPLACE FUNCTION ldtm_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
         "'BEGIN RETURN NULL; END'", "function ldtm_refuse_change()"),
        ("ALTER TABLE ldtm_predictions DISABLE TRIGGER ALL", "trigger ldtm_predictions.ldtm_predictions_only_added is"),
    ],
)  # fmt: skip
def test_a_change_by_hand_is_told(engine: sa.Engine, change: str, told: str) -> None:
    run(engine, change)
    (sentence,) = disagreements(engine)
    assert told in sentence


def test_looking_for_disagreements_leaves_nothing_behind(engine: sa.Engine) -> None:
    before = sa.inspect(engine).get_schema_names()
    disagreements(engine)
    assert sa.inspect(engine).get_schema_names() == before
