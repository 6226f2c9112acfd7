"""Stages take a universe batch by batch: nothing comes out otherwise, and no more than a batch is read ahead."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from ldtm_platform.batches import batches, has_room
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.postgres.server import Connection
from ldtm_platform.stages.features import engineer_tickers
from ldtm_platform.stages.predictions import SessionForecaster
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.stages.fleet import bring_up, ingest, train
from ldtm_platform_tests.tables import contents
from ldtm_platform_tests.warehouse.rows import query

MAY, JUNE_3 = date(2024, 5, 31), date(2024, 6, 3)
FLEET = ("AMGN", "ARM", "NVDA")


def test_batches_are_the_tickers_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldtm_platform.batches.BATCH_TICKERS", 2)
    assert list(batches(FLEET)) == [("AMGN", "ARM"), ("NVDA",)]
    assert list(batches(())) == []
    assert [has_room(FLEET[:held]) for held in range(4)] == [True, True, False, False]


def replay(engine: sa.Engine, store: Path) -> dict[str, list[str]]:
    """Features, models and forecasts of the fleet; what stands in the tables then."""
    bring_up(engine, FLEET)
    train(engine, store, FLEET, through=MAY)
    forecast = SessionForecaster(engine, CheckpointStore(store), Ldtm()).forecast(JUNE_3, FLEET)
    assert (forecast.forecast, list(forecast.without)) == (2, ["ARM"])
    return {table: contents(engine, table) for table in ("engineered_features", "model_versions", "ldtm_predictions")}


def test_many_batches_leave_what_one_leaves(
    engine: sa.Engine, server: Connection, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = replay(engine, tmp_path / "at_once")
    monkeypatch.setattr("ldtm_platform.batches.BATCH_TICKERS", 1)
    with scratch_database(server, template) as url:
        apart = sa.create_engine(url)
        assert replay(apart, tmp_path / "apart") == at_once
        apart.dispose()


def test_bars_are_read_when_their_batch_is_due(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldtm_platform.batches.BATCH_TICKERS", 1)
    ingest(engine, FLEET)
    outcomes = engineer_tickers(engine, FLEET)
    next(outcomes)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE market_data_daily SET volume = 7 WHERE ticker = 'NVDA'"))
    list(outcomes)
    found = query(engine, "SELECT DISTINCT ticker, volume = 7 AS late FROM engineered_features ORDER BY 1, 2")
    assert [(row["ticker"], row["late"]) for row in found] == [("AMGN", False), ("ARM", False), ("NVDA", True)]
