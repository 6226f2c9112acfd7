"""An evening's work without Dagster: the stage functions that its assets call, one after the other, in one process.

Run by pipeline.py with a home's settings and its database's URL in the environment. Prints the seconds of each part as
JSON. Checks are Dagster's and are not here.
"""

import json
import os
import time
from collections.abc import Callable

import sqlalchemy as sa

from ldtm_platform.fleet.serving import serving_family
from ldtm_platform.models.registry import CHAMPION_FAMILY
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.sources.renamed import RenamedSource
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.stages.features import engineer_tickers
from ldtm_platform.stages.market_data import ingest_tickers
from ldtm_platform.stages.predictions import SessionForecaster
from ldtm_platform.stages.signal import signal_sessions
from ldtm_platform.stages.snapshots import fill_back_through, write_session_snapshots
from ldtm_platform.universe import Universe, load_universe
from ldtm_platform.warehouse import reads


def main() -> None:
    """Work off the newest session and print what each part took."""
    settings = load_settings()
    universe = load_universe(settings.universe)
    engine = sa.create_engine(os.environ["LDTM_DATABASE_URL"])
    session, tickers = settings.latest_session(), list(universe.tickers)
    parts: dict[str, Callable[[], object]] = {
        "bars": lambda: _ingest(engine, settings, universe),
        "features": lambda: list(engineer_tickers(engine, tickers)),
        "predictions": lambda: _forecast(engine, settings, tickers),
        "snapshots": lambda: write_session_snapshots(engine, session),
        "fill-back": lambda: fill_back_through(engine, session),
        "accuracy": lambda: (reads.accuracy_30d(engine), reads.prediction_skill(engine)),
        "confidence": lambda: list(score_sessions(engine, [session])),
        "signal": lambda: list(signal_sessions(engine, [session], cost_bp=settings.signal_cost_bp)),
    }
    print(json.dumps({name: _seconds(work) for name, work in parts.items()}))
    engine.dispose()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _ingest(engine: sa.Engine, settings: Settings, universe: Universe) -> None:
    simulated = SimulatedSource(seed=settings.seed, sectors=universe.sector_of, start=settings.history_start)
    outcomes = ingest_tickers(
        engine,
        RenamedSource(simulated, universe.renames) if universe.renames else simulated,
        list(universe.tickers),
        since=settings.history_start,
        through=settings.latest_session(),
        renames=universe.renames,
    )
    list(outcomes)


def _forecast(engine: sa.Engine, settings: Settings, tickers: list[str]) -> None:
    champions = serving_family(CHAMPION_FAMILY, settings.cpu_engine, settings.cache)
    forecaster = SessionForecaster(engine, CheckpointStore(settings.home / "models"), champions)
    forecaster.forecast(settings.latest_session(), tickers)


if __name__ == "__main__":
    main()
