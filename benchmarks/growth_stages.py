"""One stage of benchmarks/growth.py in a process of its own; prints seconds, processor seconds and two peaks in MiB."""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from benchmarks.processes import own_cpu_seconds
from ldtm_platform.sessions import session_offset
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.stages.outcome import Outcome, Result

# The fewest sessions that leave enough feature rows to train on, some being lost to halts.
END = date(2023, 12, 29)
KERNELS = Path(tempfile.gettempdir()) / "ldtm-benchmark-kernel"
START = session_offset(END, -325)
NEXT = session_offset(END, 1)


@dataclass(frozen=True)
class Universe:
    """So many simulated tickers, how many of them are trained, their database, and the folder of their checkpoints."""

    size: int
    trained: int
    url: str
    home: Path

    def arguments(self) -> list[str]:
        """What a process needs to be told of it."""
        return [str(self.size), str(self.trained), self.url, str(self.home)]

    @cached_property
    def tickers(self) -> list[str]:
        """Their names."""
        return [f"T{number:05}" for number in range(self.size)]

    @cached_property
    def engine(self) -> sa.Engine:
        """Connections to the database."""
        return sa.create_engine(self.url)

    @cached_property
    def source(self) -> SimulatedSource:
        """What their bars come from."""
        return SimulatedSource(seed=0, sectors=dict.fromkeys(self.tickers, "all"), start=START)


def bars(universe: Universe) -> Callable[[], object]:
    """Not measured: the bars that the other stages start from, straight into the table."""
    from ldtm_platform.warehouse.bulk import append, upsert
    from ldtm_platform.warehouse.tables import corporate_actions, market_data_daily, market_data_status

    def work() -> None:
        status = pl.DataFrame({"ticker": universe.tickers}).with_columns(
            source=pl.lit("simulated"), price_basis=pl.lit("raw"), state=pl.lit("ok"), last_date=pl.lit(END)
        )
        with universe.engine.begin() as connection:
            upsert(connection, market_data_status, status)
        requests = [BarRequest(ticker, START, NEXT) for ticker in universe.tickers]
        for first in range(0, len(requests), 500):
            answers = list(universe.source.fetch(requests[first : first + 500]))
            named = pl.lit("simulated").alias("source")
            with universe.engine.begin() as connection:
                append(connection, market_data_daily, pl.concat(each.bars for each in answers).with_columns(named))
                actions = pl.concat(each.actions for each in answers).filter(pl.col("ex_date") < NEXT)
                append(connection, corporate_actions, actions.with_columns(named))

    return work


def features(universe: Universe) -> Callable[[], object]:
    """Engineer every ticker's features and write them."""
    from ldtm_platform.stages.features import engineer_tickers

    return lambda: _exhausted(engineer_tickers(universe.engine, universe.tickers))


def others(universe: Universe) -> Callable[[], object]:
    """Not measured: checkpoints, untrained, of the tickers that are not trained, registered as champions."""
    import torch

    from benchmarks.untrained import untrained
    from ldtm_platform.models.base import History
    from ldtm_platform.models.checkpoint import Manifest
    from ldtm_platform.models.ldtm.family import Ldtm
    from ldtm_platform.models.store import CheckpointStore
    from ldtm_platform.models.weights import weights_of
    from ldtm_platform.warehouse.writes import promote, register_version

    family, store = Ldtm(), CheckpointStore(universe.home / "models")
    torch.manual_seed(0)
    weights, rows = weights_of(family.network()), pl.DataFrame({"date": [END]})

    def saved(ticker: str) -> Manifest:
        return store.save(weights, untrained(family, History(ticker, rows), weights, 0))

    def work() -> None:
        # Several at once: they mostly wait for the disk.
        with ThreadPoolExecutor(8) as pool, universe.engine.begin() as connection:
            for made in pool.map(saved, universe.tickers[universe.trained :]):
                register_version(connection, made.model_dump(mode="python"))
                promote(connection, ticker=made.ticker, family=family.name, version=made.version, reason="benchmark")

    return work


def training(universe: Universe) -> Callable[[], object]:
    """Train every ticker for an epoch, save it, and make it champion."""
    from ldtm_platform.fleet.native.choice import KernelRefused
    from ldtm_platform.models.store import CheckpointStore
    from ldtm_platform.stages.training import TrainingPlan, train_tickers

    plan = TrainingPlan(
        through=END,
        epochs=1,
        seed=0,
        workers=os.cpu_count() or 1,
        device="cpu",
        keep=5,
        fleet_engine="loop",
        cpu_engine="bfloat16",
        cache=KERNELS,
    )
    try:
        plan.kernel()  # compiled before the clock starts
    except KernelRefused:
        plan = replace(plan, cpu_engine="auto")
    store = CheckpointStore(universe.home / "models")
    asked = universe.tickers[: universe.trained]
    return lambda: _exhausted(train_tickers(universe.engine, store, asked, plan, say=lambda _: None))


def forecasts(universe: Universe) -> Callable[[], object]:
    """Forecast a session, from checkpoints on disk to the ledger."""
    from ldtm_platform.fleet.serving import serving_family
    from ldtm_platform.models.store import CheckpointStore
    from ldtm_platform.stages.predictions import SessionForecaster

    champions = serving_family("ldtm", "auto", KERNELS)
    forecaster = SessionForecaster(universe.engine, CheckpointStore(universe.home / "models"), champions)
    return lambda: forecaster.forecast(END, universe.tickers)


def day(universe: Universe) -> Callable[[], object]:
    """The next session's bars, the snapshots of the forecasts before it, and their actuals."""
    from ldtm_platform.stages.snapshots import fill_back_through, write_session_snapshots
    from ldtm_platform.warehouse.bulk import upsert
    from ldtm_platform.warehouse.tables import market_data_daily

    made = pl.DataFrame({"ticker": universe.tickers}).with_columns(
        date=pl.lit(NEXT), open=50.0, high=52.0, low=49.0, close=51.0, volume=1_000_000, source=pl.lit("simulated")
    )

    def work() -> None:
        with universe.engine.begin() as connection:
            upsert(connection, market_data_daily, made, touch=["ingested_at"])
        written, _ = write_session_snapshots(universe.engine, END)
        filled = fill_back_through(universe.engine, NEXT)
        if not written or not filled.updated:
            raise SystemExit(f"{written} snapshots were written and {filled.updated} filled: nothing was measured")

    return work


def ingest(universe: Universe) -> Callable[[], object]:
    """The next session's bars by the whole of the product's ingest, which compares them with what is stored."""
    from ldtm_platform.stages.market_data import ingest_tickers

    return lambda: _exhausted(
        ingest_tickers(universe.engine, universe.source, universe.tickers, since=START, through=NEXT)
    )


# What can be measured, each with what it starts from.
STAGES = {
    "features": ("bars",),
    "training": ("features", "others"),
    "forecasts": ("training",),
    "day": ("forecasts",),
    "ingest": ("bars",),
}


def _exhausted(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.result is Result.FAILED:
            raise SystemExit(f"{outcome.key}: {outcome.message}")


def main() -> None:
    """Run the stage that is named on the command line."""
    name, size, trained, url, home = sys.argv[1:]
    stage: Callable[[Universe], Callable[[], object]] = globals()[name]
    work = stage(Universe(int(size), int(trained), url, Path(home)))
    before, started = own_cpu_seconds(), time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(seconds, own_cpu_seconds() - before, *peaks)


if __name__ == "__main__":
    main()
