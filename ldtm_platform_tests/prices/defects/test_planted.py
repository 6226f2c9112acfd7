"""What is planted into sound bars is found and put right, and sound bars are left alone: on real prices and others.

The floors are what was measured on the real prices (104 tickers, two seeds), rounded down: a split of 1.5 to 3 leaves
some cases that a real move would explain as well, and those are left to the check of large moves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.prices.defects.finding import Case
from ldtm_platform.prices.defects.mended import mended
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform_tests.prices.defects.measuring import false_alarms, recall
from ldtm_platform_tests.prices.defects.planting import PLANTERS, SPLITS, VALUES

START, END = date(2021, 1, 4), date(2024, 1, 2)
REAL_JUMPS = {
    ("INSM", date(2024, 5, 28)),
    ("PDD", date(2022, 3, 16)),
    ("DXCM", date(2024, 7, 26)),
    ("FANG", date(2020, 3, 9)),
}


@dataclass(frozen=True)
class Floor:
    """The share of the broken rows to be found at least, and to be repaired at least."""

    found: float
    repaired: float


FLOORS: Mapping[str, Floor] = {
    "unit_on_one_day": Floor(1, 1),
    "unit_over_a_stretch": Floor(1, 1),
    "unit_before_a_day": Floor(1, 1),
    "unit_on_the_newest_day": Floor(1, 0),
    "split_never_applied": Floor(0.9, 0.88),
    "split_applied_twice": Floor(0.9, 0.88),
    "split_error_over_a_stretch": Floor(0.9, 0.9),
    "split_error_on_one_day": Floor(0.85, 0.85),
    # FER hardly traded before its listing: there, a bar without volume or a flat one is nothing strange.
    "filler": Floor(0.95, 0),
    "day_copied": Floor(0.95, 0),
    "columns_of_another": Floor(1, 0),
    "prices_that_track_another": Floor(1, 0),
    "price_of_zero": Floor(1, 0),
    "day_sent_twice": Floor(1, 0),
}


@pytest.fixture(scope="module")
def simulated() -> list[pl.DataFrame]:
    """Three years of six tickers, adjusted for their splits."""
    source = SimulatedSource(seed=3, sectors={f"S{at}": "chips" for at in range(6)}, start=START)
    asked = [BarRequest(f"S{at}", START, END) for at in range(6)]
    return [
        adjusted(answer.bars, answer.actions, END).with_columns(pl.col("volume").round().cast(pl.Int64))
        for answer in source.fetch(asked)
    ]


@pytest.fixture
def real(shared_data: Path) -> list[pl.DataFrame]:
    """Every ticker with more than a year of real prices, without dates before its listing."""
    bars = pl.read_parquet(shared_data / "daily.parquet").sort("ticker", "date")
    return [own for own in bars.partition_by("ticker") if own.height > 300]


@pytest.mark.parametrize("name", PLANTERS)
def test_what_is_planted_into_simulated_prices_is_found(simulated: list[pl.DataFrame], name: str) -> None:
    done = recall(simulated, name)
    assert done.found >= 0.8 * done.rows
    assert (done.repaired > 0) == (FLOORS[name].repaired > 0)
    assert (done.repaired_wrong, done.false_repairs, done.false_held) == (0, 0, 0)


@pytest.mark.parametrize("name", PLANTERS)
def test_what_is_planted_into_real_prices_is_found_and_nothing_else(real: list[pl.DataFrame], name: str) -> None:
    # Every third ticker, to be quick; benchmarks/vendor_defects.py takes all.
    done = recall(real[::3], name)
    floor = FLOORS[name]
    assert done.found >= floor.found * done.rows
    assert done.repaired >= floor.repaired * done.rows
    assert (done.repaired_wrong, done.false_repairs, done.false_held) == (0, 0, 0)


def test_sound_prices_are_left_alone_known_jumps_included(real: list[pl.DataFrame]) -> None:
    every = pl.concat(real)
    assert every.select("ticker", "date").filter(pl.struct("ticker", "date").is_in(_structs(REAL_JUMPS))).height == 4
    assert false_alarms(real, every) == {}


def test_real_moves_are_no_split_errors_even_with_a_split_on_file_that_day(real: list[pl.DataFrame]) -> None:
    """The worst case: a split of about the size of the move on the day of each ticker's three largest moves."""
    reported = []
    for own in real:
        moves = np.abs(np.diff(np.log(own["close"].to_numpy())))
        for at in np.argsort(-moves)[:3]:
            for value in sorted(VALUES, key=lambda known: abs(abs(np.log(known)) - moves[at]))[:2]:
                splits = _splits(own, [(own["date"][int(at) + 1], value)])
                done = mended(Case(own, splits, "split_adjusted", own.clear(), own.clear()))
                reported += [(own["ticker"][0], splits.row(0), done.said)] if done.said else []
    assert reported == []


def test_splits_on_file_at_any_day_change_nothing_in_sound_prices(real: list[pl.DataFrame]) -> None:
    for at, own in enumerate(real):
        rng = np.random.default_rng(at)
        splits = _splits(own, [(own["date"][int(rng.integers(1, own.height))], value) for value in VALUES])
        assert mended(Case(own, splits, "split_adjusted", own.clear(), own.clear())).said == ""


@pytest.mark.parametrize("basis", ["split_adjusted", "raw"])
def test_real_splits_are_no_defects(shared_data: Path, basis: str) -> None:
    rows = pl.read_parquet(shared_data / "daily_with_actions_2020_2023.parquet").sort("ticker", "date")
    for own in rows.partition_by("ticker"):
        told = own.filter(pl.col("stock_splits") > 0).select("ticker", ex_date="date", value="stock_splits")
        bars = own.drop("dividends", "stock_splits")
        if basis == "raw":
            later = pl.lit(1.0)
            for day, value in told.select("ex_date", "value").iter_rows():
                later = later * pl.when(pl.col("date") < day).then(value).otherwise(1.0)
            bars = bars.with_columns(pl.col("open", "high", "low", "close") * later)
        done = mended(Case(bars, told, basis, bars.clear(), bars.clear()))  # type: ignore[arg-type]
        assert done.said == ""


def _splits(own: pl.DataFrame, days: Sequence[tuple[date, float]]) -> pl.DataFrame:
    return pl.DataFrame([(own["ticker"][0], *each) for each in days], schema=SPLITS, orient="row")


def _structs(days: set[tuple[str, date]]) -> list[dict[str, object]]:
    return [{"ticker": ticker, "date": day} for ticker, day in days]
