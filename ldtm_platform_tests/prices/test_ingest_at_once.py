"""Two ingests of one ticker at the same time, a terminal beside the schedule: as if one had come after the other."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.outcome import IngestOutcome
from ldtm_platform.sources.base import BarRequest, MarketDataSource, TickerBars
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.prices.test_ingest import MARKET, SESSIONS, folder, run, simulated, table


class Abreast(MarketDataSource):
    """Answers only when every ingest has read what is stored and asks."""

    def __init__(self, inner: MarketDataSource, everyone: Barrier) -> None:
        self.name, self.price_basis, self.inner, self.everyone = inner.name, inner.price_basis, inner, everyone
        self.rereads_history = inner.rereads_history

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        self.everyone.wait(timeout=30)
        return self.inner.fetch(requests)


def at_once(engine: sa.Engine, *sources: MarketDataSource) -> list[IngestOutcome]:
    everyone = Barrier(len(sources))
    with ThreadPoolExecutor(len(sources)) as pool:
        running = [pool.submit(run, engine, Abreast(source, everyone), "S0") for source in sources]
        return [each.result()["S0"] for each in running]


@pytest.mark.parametrize("basis", ["raw", "split_adjusted"])
def test_a_restatement_is_recorded_once(engine: sa.Engine, tmp_path: Path, basis: str) -> None:
    bars = simulated().bars
    run(engine, folder(tmp_path, bars, price_basis=basis), "S0")
    corrected = pl.when(pl.col("date") == SESSIONS[30]).then(pl.col("volume") * 2).otherwise("volume")
    source = folder(tmp_path, bars.with_columns(volume=corrected), price_basis=basis)
    outcomes = at_once(engine, *[source] * 3)
    assert {outcome.state for outcome in outcomes} == {"ok"}
    assert sorted(outcome.rows_changed for outcome in outcomes) == [0, 0, 1]
    assert len(table(engine, "market_data_revisions")) == 1


def test_a_first_history_is_counted_as_new_once(engine: sa.Engine) -> None:
    outcomes = at_once(engine, MARKET, MARKET)
    assert sorted(outcome.rows_new for outcome in outcomes) == [0, simulated().bars.height]
    assert reads.bars(engine, ["S0"]).equals(simulated().bars)


def test_of_two_sources_at_once_the_series_keeps_to_the_first(engine: sa.Engine, tmp_path: Path) -> None:
    other = folder(tmp_path, simulated().bars.with_columns(pl.col("volume") + 5))
    outcomes = at_once(engine, MARKET, other)
    assert sorted(outcome.state for outcome in outcomes) == ["failed", "ok"]
    (first,) = {row[-2] for row in table(engine, "market_data_daily")}
    (status,) = reads.ingest_states(engine).select("source", "price_basis", "rows").rows()
    assert status == (first, {"simulated": "raw", "folder": "split_adjusted"}[str(first)], simulated().bars.height)


def test_a_history_put_right_by_a_late_split_is_put_right_once(engine: sa.Engine, tmp_path: Path) -> None:
    naming, day = folder(tmp_path, simulated().bars), SESSIONS[150]
    run(engine, naming, "S0")
    (tmp_path / "actions.csv").write_text(f"ticker,ex_date,kind,value\nS0,{day},split,4\n")
    outcomes = at_once(engine, naming, naming)
    assert sorted(outcome.rows_changed for outcome in outcomes) == [0, 150]
    assert sorted(outcome.splits for outcome in outcomes) == [0, 1]
    assert len(table(engine, "market_data_revisions")) == 150
