"""Defects planted into sound bars at seeded places, so that what detectors find can be counted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from ldtm_platform.sources.base import PRICE_COLUMNS

SPLITS = {"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64}
VALUES = (1.5, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 1 / 5, 1 / 10)
NO_SPLITS = pl.DataFrame(schema=SPLITS)


@dataclass(frozen=True)
class Planted:
    """Bars as a vendor would send them with the defect, what they were before, and the days that are broken."""

    bars: pl.DataFrame
    truth: pl.DataFrame
    days: set[date]
    splits: pl.DataFrame


Planter = Callable[[pl.DataFrame, pl.DataFrame, np.random.Generator], Planted]


def unit_on_one_day(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """A hundred times too high, or a hundredth, on one day with days around it."""
    return _unit(bars, _somewhere(bars, rng, 1), rng)


def unit_over_a_stretch(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """The same over 5 to 60 days."""
    return _unit(bars, _somewhere(bars, rng, int(rng.integers(5, 61))), rng)


def unit_before_a_day(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """The same over all that comes before a day, of which 5 to 100 days come after."""
    return _unit(bars, (0, bars.height - int(rng.integers(5, 101))), rng)


def unit_on_the_newest_day(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """The same on the last day."""
    return _unit(bars, (bars.height - 1, bars.height), rng)


def split_never_applied(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """All before a split on its old basis, the vendor's step up to 6 days from the split's."""
    return _split_history(bars, rng, 1)


def split_applied_twice(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """All before a split divided once too often."""
    return _split_history(bars, rng, -1)


def split_error_over_a_stretch(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """3 to 40 days off by the value of a split that may be years away."""
    first, after = _somewhere(bars, rng, int(rng.integers(3, 41)))
    value, far = float(rng.choice(VALUES)), int(rng.integers(1, bars.height))
    return _scaled(bars, (first, after), value ** int(rng.choice((-1, 1))), 1.0, _split(bars, far, value))


def split_error_on_one_day(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """One day off by the value of a split that is a few days away."""
    first, after = _somewhere(bars, rng, 1)
    value, near = float(rng.choice(VALUES)), min(bars.height - 1, after + int(rng.integers(0, 6)))
    return _scaled(bars, (first, after), value ** int(rng.choice((-1, 1))), 1.0, _split(bars, near, value))


def filler(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """One to three days without volume at the close before."""
    first, after = _somewhere(bars, rng, int(rng.integers(1, 4)))
    flat = {name: pl.lit(bars["close"][first - 1]) for name in PRICE_COLUMNS}
    return _changed(bars, (first, after), flat | {"volume": pl.lit(0, dtype=pl.Int64)})


def day_copied(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """A day that repeats one of the five before it, to the last share."""
    first, after = _somewhere(bars, rng, 1)
    row = bars.row(first - int(rng.integers(1, 6)), named=True)
    return _changed(bars, (first, after), {name: pl.lit(row[name]) for name in (*PRICE_COLUMNS, "volume")})


def columns_of_another(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """The newest 1 to 20 days are another ticker's."""
    first = bars.height - int(rng.integers(1, 21))
    theirs = bars.select("date").join(other, on="date", how="left", maintain_order="left")
    return _changed(bars, (first, bars.height), {name: theirs[name] for name in (*PRICE_COLUMNS, "volume")})


def prices_that_track_another(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """The newest 5 to 20 days are another ticker's in another unit, with its volumes."""
    first, unit = bars.height - int(rng.integers(5, 21)), float(rng.uniform(0.1, 10))
    theirs = bars.select("date").join(other, on="date", how="left", maintain_order="left")
    values: dict[str, Any] = {name: theirs[name] * unit for name in PRICE_COLUMNS}
    return _changed(bars, (first, bars.height), values | {"volume": theirs["volume"]})


def price_of_zero(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """One day without prices."""
    return _changed(bars, _somewhere(bars, rng, 1), {name: pl.lit(0.0) for name in PRICE_COLUMNS})


def day_sent_twice(bars: pl.DataFrame, other: pl.DataFrame, rng: np.random.Generator) -> Planted:
    """A day in two rows that differ."""
    first, _ = _somewhere(bars, rng, 1)
    again = bars.slice(first, 1).with_columns(pl.col("volume") + 1)
    return Planted(pl.concat([bars, again]), bars, {bars["date"][first]}, NO_SPLITS)


PLANTERS: Mapping[str, Planter] = {
    planter.__name__: planter
    for planter in (
        unit_on_one_day,
        unit_over_a_stretch,
        unit_before_a_day,
        unit_on_the_newest_day,
        split_never_applied,
        split_applied_twice,
        split_error_over_a_stretch,
        split_error_on_one_day,
        filler,
        day_copied,
        columns_of_another,
        prices_that_track_another,
        price_of_zero,
        day_sent_twice,
    )
}


def _somewhere(bars: pl.DataFrame, rng: np.random.Generator, rows: int) -> tuple[int, int]:
    first = int(rng.integers(10, bars.height - rows - 10))
    return first, first + rows


def _unit(bars: pl.DataFrame, where: tuple[int, int], rng: np.random.Generator) -> Planted:
    return _scaled(bars, where, float(rng.choice((100.0, 0.01))), None, NO_SPLITS)


def _split(bars: pl.DataFrame, at: int, value: float) -> pl.DataFrame:
    return pl.DataFrame([(bars["ticker"][0], bars["date"][at], value)], schema=SPLITS, orient="row")


def _split_history(bars: pl.DataFrame, rng: np.random.Generator, power: int) -> Planted:
    step = int(rng.integers(20, bars.height - 10))
    value, at = float(rng.choice(VALUES)), step + int(rng.integers(-6, 7))
    return _scaled(bars, (0, step), value**power, 1.0, _split(bars, at, value))


def _scaled(
    bars: pl.DataFrame, where: tuple[int, int], factor: float, shares: float | None, splits: pl.DataFrame
) -> Planted:
    values = {name: pl.col(name) * factor for name in PRICE_COLUMNS}
    if shares is not None:
        values["volume"] = (pl.col("volume") / factor).round().cast(pl.Int64)
    return _changed(bars, where, values, splits)


def _changed(
    bars: pl.DataFrame, where: tuple[int, int], values: Mapping[str, Any], splits: pl.DataFrame = NO_SPLITS
) -> Planted:
    inside = pl.int_range(pl.len()).is_between(where[0], where[1], closed="left")
    changed = {name: pl.when(inside).then(value).otherwise(pl.col(name)) for name, value in values.items()}
    days = set(bars["date"][where[0] : where[1]])
    return Planted(bars.with_columns(**changed), bars, days, splits)
