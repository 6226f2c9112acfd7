"""Pruned checkpoints: the registry knows of each what the disk holds, also after a kill between the two."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.stages.training import TrainingPlan, train_tickers
from ldtm_platform.warehouse import reads, writes
from ldtm_platform_tests.stages.fleet import bring_up
from ldtm_platform_tests.warehouse.rows import FAMILY, query

MAY, JUNE, MID_JULY, JULY = date(2024, 5, 31), date(2024, 6, 28), date(2024, 7, 15), date(2024, 7, 31)


def train(engine: sa.Engine, store: CheckpointStore, through: date) -> str:
    plan = TrainingPlan(through=through, epochs=1, seed=0, workers=1, device="cpu", keep=1, fleet_engine="auto")
    (outcome,) = train_tickers(engine, store, ["AMGN"], plan, say=lambda line: None)
    return str(outcome.facts["version"])


def kept(engine: sa.Engine) -> set[str]:
    return {row["version"] for row in query(engine, "SELECT version FROM model_versions WHERE pruned_at IS NULL")}


def test_the_registry_offers_what_is_on_disk_and_nothing_else(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN"])
    store = CheckpointStore(tmp_path)
    may, june, middle = (train(engine, store, day) for day in (MAY, JUNE, MID_JULY))
    assert kept(engine) == set(store.versions("AMGN", FAMILY)) == {june, middle}

    # Killed after the registry was told, before the files were deleted: they are there and nobody is offered them.
    with engine.begin() as connection:
        assert writes.mark_pruned(connection, [june]) == [june]
    assert store.has(june)
    assert reads.champions(engine, JUNE, FAMILY)["version"].to_list() == [middle]
    with engine.begin() as connection, pytest.raises(writes.UnknownVersion, match="left on disk"):
        writes.rollback_champion(connection, "AMGN")

    newest = train(engine, store, JULY)
    assert kept(engine) == set(store.versions("AMGN", FAMILY)) == {middle, newest}

    # Trained again for a replay, an older version is kept, serves its sessions, and takes no title.
    assert train(engine, store, MAY) == may
    assert may in kept(engine)
    assert store.has(may)
    served = reads.champions(engine, MAY, FAMILY).select("version", "in_sample").rows()
    assert served == [(may, False)]
    assert reads.champions(engine, JULY, FAMILY)["version"].to_list() == [newest]
    assert kept(engine) == set(store.versions("AMGN", FAMILY))
