"""Killing a command at a chosen moment, and what the tables must hold in the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa

from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.sessions import sessions_between
from ldtm_platform.settings import load_settings
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.stages.predictions import SessionForecaster
from ldtm_platform.stages.signal import signal_sessions
from ldtm_platform.stages.snapshots import fill_back_through, write_session_snapshots
from ldtm_platform.universe import DEFAULT_UNIVERSE, load_universe
from ldtm_platform.warehouse.migrate import upgrade
from ldtm_platform_tests.cli.home import Home
from ldtm_platform_tests.stages.fleet import END, features, ingest, simulated, train
from ldtm_platform_tests.warehouse.rows import query

PATIENCE = 120.0


def run_uninterrupted(engine: sa.Engine, home: Home, *, trained_through: date, first: date) -> None:
    """What a home's commands do, by the stages themselves and without a stop: from bars to forecasts and actuals."""
    universe = Path(home.settings["LDTM_UNIVERSE"] or DEFAULT_UNIVERSE)
    tickers = load_universe(universe).tickers
    store = home.path / "uninterrupted"
    ingest(engine, tickers, source=simulated(universe))
    features(engine, tickers)
    train(engine, store, tickers, through=trained_through)
    forecaster = SessionForecaster(engine, CheckpointStore(store), Ldtm())
    sessions = sessions_between(first, END + timedelta(days=1))
    for session in sessions:
        forecaster.forecast(session, tickers)
        write_session_snapshots(engine, session)
    fill_back_through(engine, END)
    list(score_sessions(engine, sessions))
    list(signal_sessions(engine, sessions, cost_bp=load_settings().signal_cost_bp))


def kill_when_blocked(home: Home, engine: sa.Engine, blocker: str, *command: str) -> None:
    """Start a command while a transaction of ours holds what `blocker` locks; kill -9 it once it waits for that."""
    with engine.connect() as ours:
        ours.execute(sa.text(blocker))
        process = home.fork(*command)
        _until(process.poll, lambda: _somebody_waits(engine))
        process.kill()
        ours.rollback()
    _until(lambda: None, lambda: not _somebody_waits(engine))


def kill_when(home: Home, engine: sa.Engine, condition: str, *command: str) -> None:
    """Start a command and kill -9 it as soon as a query's one value is true, wherever it is then."""
    process = home.fork(*command)
    _until(process.poll, lambda: bool(next(iter(query(engine, condition)[0].values()))))
    process.kill()


@contextmanager
def database_of(home: Home) -> Iterator[sa.Engine]:
    """The home's migrated database, its server up for as long as the block lasts."""
    home.postgres.ensure_database("ldtm")
    with home.engine() as engine:
        upgrade(engine)
        yield engine


def _somebody_waits(engine: sa.Engine) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(query(engine, waiting))


def _until(ended: Callable[[], int | None], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert ended() is None, "the command ended before it could be killed"
        assert time.monotonic() < deadline, "the command did not get to where it was to be killed"
        time.sleep(0.01)
