"""A worker killed with kill -9 anywhere leaves a database that the next run completes to the very same tables."""

from datetime import date

import pytest
import sqlalchemy as sa

from ldtm_platform_tests.cli.home import quick_home
from ldtm_platform_tests.spine.interruption import database_of, kill_when, kill_when_blocked, run_uninterrupted
from ldtm_platform_tests.tables import FACTS, contents
from ldtm_platform_tests.warehouse.rows import query

TRAINED_THROUGH = date(2024, 5, 31)
FIRST = date(2024, 6, 24)
TRAIN = ("train", "--all", "--through", TRAINED_THROUGH.isoformat())
PIPELINE = ("pipeline", "--from", FIRST.isoformat(), "--to", "2024-07-31")


def assert_same_tables(found: sa.Engine, expected: sa.Engine) -> None:
    for table in FACTS:
        assert contents(found, table) == contents(expected, table), table
    assert query(found, "SELECT 1 FROM ldtm_daily_snapshots WHERE source_run_log_id IS NULL") == []


@pytest.mark.timeout(600)
def test_killed_in_ingest_training_predictions_snapshots_and_fill_back(engine: sa.Engine) -> None:
    with quick_home() as home, database_of(home) as database:
        run_uninterrupted(engine, home, trained_through=TRAINED_THROUGH, first=FIRST)

        # With two tickers' bars committed and the third's written but not committed.
        status = "INSERT INTO market_data_status (ticker, source, price_basis, state) VALUES ('ARM', 'x', 'raw', 'ok')"
        kill_when_blocked(home, database, status, "ingest")
        stored = query(database, "SELECT DISTINCT ticker FROM market_data_daily ORDER BY ticker")
        assert [row["ticker"] for row in stored] == ["AMGN", "AMZN"]
        assert home.ldtm("ingest").code == 0
        assert home.ldtm("features").code == 0

        # With a checkpoint saved that the registry does not know.
        kill_when_blocked(home, database, "LOCK TABLE model_promotions IN EXCLUSIVE MODE", *TRAIN)
        assert query(database, "SELECT 1 FROM model_versions") == []
        assert len(list((home.path / "models" / "ldtm").glob("*/ldtm-*"))) == 1
        assert home.ldtm(*TRAIN).code == 0

        # Amidst the sessions; with some sessions' snapshots written; and with nothing filled back.
        kill_when(home, database, "SELECT count(DISTINCT run_date) > 2 FROM ldtm_predictions", *PIPELINE)
        snapshot = "INSERT INTO ldtm_daily_snapshots (run_date, ticker) VALUES ('2024-07-03', 'AMZN')"
        kill_when_blocked(home, database, snapshot, *PIPELINE)
        written = query(database, "SELECT max(run_date) AS newest, count(*) AS rows FROM ldtm_daily_snapshots")
        assert written == [{"newest": date(2024, 7, 2), "rows": 7 * 3}]
        fill_back = "LOCK TABLE ldtm_daily_snapshots IN SHARE UPDATE EXCLUSIVE MODE"
        kill_when_blocked(home, database, fill_back, *PIPELINE)
        assert query(database, "SELECT 1 FROM ldtm_daily_snapshots WHERE next_day_actual IS NOT NULL") == []
        assert home.ldtm(*PIPELINE).code == 0

        assert_same_tables(database, engine)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_universe_killed_again_and_again(engine: sa.Engine) -> None:
    stages = (
        ("SELECT count(DISTINCT ticker) > {} FROM market_data_daily", ("ingest",)),
        ("SELECT count(DISTINCT ticker) > {} FROM engineered_features", ("features",)),
        ("SELECT count(*) > {} FROM model_versions", (*TRAIN, "--parallel", "2")),
        ("SELECT count(DISTINCT run_date) * 4 > {} FROM ldtm_predictions", PIPELINE),
    )
    with quick_home(LDTM_UNIVERSE="") as home, database_of(home) as database:
        run_uninterrupted(engine, home, trained_through=TRAINED_THROUGH, first=FIRST)
        for condition, command in stages:
            for share in (20, 50, 80):
                kill_when(home, database, condition.format(share), *command)
            home.ldtm(*command)
        assert_same_tables(database, engine)
