"""A small simulated fleet in a database, brought up by the stages themselves."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.sources.base import MarketDataSource
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.stages.features import engineer_tickers
from ldtm_platform.stages.market_data import ingest_tickers
from ldtm_platform.stages.outcome import Outcome
from ldtm_platform.stages.training import TrainingPlan, train_tickers
from ldtm_platform.universe import DEFAULT_UNIVERSE, load_universe

START, END = date(2023, 1, 3), date(2024, 7, 31)


def simulated(universe: Path = DEFAULT_UNIVERSE) -> SimulatedSource:
    """The simulated market that the settings of scratch.SIMULATED make of a universe."""
    return SimulatedSource(seed=0, sectors=load_universe(universe).sector_of, start=START)


def ingest(
    engine: sa.Engine, tickers: Sequence[str], *, through: date = END, source: MarketDataSource | None = None
) -> None:
    """Bars from START through a session, simulated unless a source is given."""
    list(ingest_tickers(engine, source or simulated(), tickers, since=START, through=through))


def features(engine: sa.Engine, tickers: Sequence[str]) -> None:
    """Their features."""
    list(engineer_tickers(engine, tickers))


def bring_up(engine: sa.Engine, tickers: Sequence[str], *, through: date = END) -> None:
    """Bars and features through a session."""
    ingest(engine, tickers, through=through)
    features(engine, tickers)


def train(
    engine: sa.Engine,
    store: Path,
    tickers: Sequence[str],
    *,
    through: date = END,
    epochs: int = 1,
    keep: int = 5,
    said: list[str] | None = None,
) -> dict[str, Outcome]:
    """Train in this process; one outcome a ticker. Result lines go to `said`."""
    plan = TrainingPlan(through=through, epochs=epochs, seed=0, workers=1, device="cpu", keep=keep, fleet_engine="auto")
    lines = said if said is not None else []
    outcomes = train_tickers(engine, CheckpointStore(store), tickers, plan, say=lines.append, run_id="run")
    return {outcome.key: outcome for outcome in outcomes}
