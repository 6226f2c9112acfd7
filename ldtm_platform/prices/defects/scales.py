"""Stretches of a series that are off by one factor: where prices step by it, and which side of the step is right.

A step is a night over which all four prices change by the factor, up to what the series moves in an ordinary night.
Between steps lie runs; a run's level is the power of the factor by which it is off from the base, the right side.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np
import polars as pl

from ldtm_platform.prices.adjust import adjusted, with_split_factor
from ldtm_platform.prices.defects.finding import Case
from ldtm_platform.sources.base import PRICE_COLUMNS

Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Integers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Booleans: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

# A newest run of fewer rows does not say by itself that it is the right side.
SETTLED = 5
# As many rows of a run must be stored at another level to prove that the vendor's is wrong.
PROVEN = 3
_SAME_LEVEL = 0.02
_LEAST_NOISE = 0.005
_NEIGHBOURS = 30
# As many sessions after a jump trade more than usual.
_STIRRED = 5
# What a column of shares can hold, far beyond any volume.
_MOST_SHARES = 2.0**62


@dataclass(frozen=True)
class Run:
    """Rows first to last (positions, both included) that are off by factor ** level.

    open_left, open_right: it reaches that end of the bars, so nothing confirms it there. proven: of how many of its
    rows the right values are stored.
    """

    first: int
    last: int
    level: int
    open_left: bool
    open_right: bool
    proven: int

    @property
    def edges(self) -> list[int]:
        """The rows at which a step leads into it or out of it."""
        return ([] if self.open_left else [self.first]) + ([] if self.open_right else [self.last + 1])

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.last - self.first + 1


def on_one_basis(case: Case) -> pl.DataFrame:
    """The delivered bars without the steps that splits explain, for raw prices; adjusted ones have none."""
    if case.price_basis == "split_adjusted" or case.splits.is_empty():
        return case.bars
    closes, opens, days = case.bars["close"].to_list(), case.bars["open"].to_list(), case.bars["date"].to_list()
    seen = []
    for day, value in case.splits.select("ex_date", "value").iter_rows():
        at = next((row for row, known in enumerate(days) if known >= day), 0)
        overnight = np.log(opens[at] / closes[at - 1]) if at else 0.0
        seen.append(abs(overnight + np.log(value)) < abs(overnight))
    factored = with_split_factor(case.bars, case.splits.filter(pl.Series(seen, dtype=pl.Boolean)))
    return factored.with_columns(pl.col(PRICE_COLUMNS) * pl.col("split_factor")).drop("split_factor")


def noise(bars: pl.DataFrame) -> float:
    """How far prices move in an ordinary night, close to open: the robust standard deviation of the log return."""
    nights = np.abs(nights_of(bars)[1:])
    return max(_LEAST_NOISE, 1.4826 * float(np.median(nights)) if len(nights) else _LEAST_NOISE)


def nights_of(bars: pl.DataFrame) -> Floats:
    """Of each row the log return from the close before to its open; 0 of the first."""
    nights = np.zeros(bars.height)
    nights[1:] = np.log(bars["open"].to_numpy()[1:] / bars["close"].to_numpy()[:-1])
    return nights


def steps_of(bars: pl.DataFrame, factor: float, tolerance: float) -> Integers:
    """Of each row, 1 where prices step by the factor from the row before, -1 where they step back by it, else 0.

    tolerance: in log, of the night; the middle of the day's prices is allowed twice that.
    """
    logs = np.log(bars.select(PRICE_COLUMNS).to_numpy())
    nights = nights_of(bars)[1:]
    middles = np.diff(logs.mean(axis=1))
    size = np.log(factor)
    steps = np.zeros(len(logs), dtype=np.int64)
    for sign in (1, -1):
        fits = (np.abs(nights - sign * size) <= tolerance) & (np.abs(middles - sign * size) <= 2 * tolerance)
        steps[1:][fits] = sign
    return steps


def runs_of(case: Case, steps: Integers, factor: float) -> list[Run]:
    """The runs that are not at the base level, by position; empty when all are."""
    if not np.any(steps):
        return []
    levels = np.cumsum(steps)
    stored = _stored_level(case, factor)
    votes = (levels - stored)[~np.isnan(stored)]
    base = _base(levels, votes)
    proven = ~np.isnan(stored) & (levels - base == stored)
    runs, first = [], 0
    for level, members in groupby((levels - base).tolist()):
        last = first + len(list(members)) - 1
        if level:
            confirmed = int(np.sum(proven[first : last + 1]))
            runs.append(Run(first, last, level, first == 0, last == len(levels) - 1, confirmed))
        first = last + 1
    return runs


def volume_mirrored(bars: pl.DataFrame, run: Run, factor: float) -> float | None:
    """How far the run's volume is off the other way round: 1 as a split's is, 0 not at all; None where nothing tells.

    Only rows side by side compare: over years, volumes drift by more than a split. Of a run that begins with the bars,
    the days next to its edge do not count either: a real jump moves their volume too.
    """
    volume = bars["volume"].to_numpy().astype(np.float64)
    apart = _STIRRED if run.open_left and run.rows > 2 * _STIRRED and len(volume) - run.last > 2 * _STIRRED else 0
    before = volume[max(0, run.first - _NEIGHBOURS) : run.first]
    after = volume[run.last + 1 + apart :][:_NEIGHBOURS]
    own = volume[run.first : run.last + 1 - apart]
    inside = np.concatenate([own[: _NEIGHBOURS if len(before) else 0], own[-_NEIGHBOURS if len(after) else len(own) :]])
    outside = np.concatenate([before, after])
    inside, outside = inside[inside > 0], outside[outside > 0]
    if not len(inside) or not len(outside):
        return None
    shift = float(np.median(np.log(inside)) - np.median(np.log(outside)))
    return -shift / (run.level * float(np.log(factor)))


def rescaled(bars: pl.DataFrame, run: Run, factor: float, *, volume: bool) -> pl.DataFrame:
    """The run's rows at the base level; with volume, the shares too."""
    off = factor**run.level
    rows = bars.slice(run.first, run.rows).with_columns(pl.col(PRICE_COLUMNS) / off)
    return rows.with_columns((pl.col("volume") * off).round().clip(0, _MOST_SHARES).cast(pl.Int64)) if volume else rows


def _stored_level(case: Case, factor: float) -> Floats:
    """Of each delivered row, the power of the factor by which it is off from what is stored; NaN where unknown."""
    stored = case.stored
    if case.price_basis == "split_adjusted" and not (case.splits.is_empty() or stored.is_empty()):
        stored = adjusted(stored, case.splits, max(stored["date"][-1], case.splits["ex_date"].max()))
    both = case.bars.select("date", "close").join(
        stored.select("date", kept="close"), on="date", how="left", maintain_order="left"
    )
    power = np.log(both["close"].to_numpy() / both["kept"].fill_null(np.nan).to_numpy()) / np.log(factor)
    whole = np.round(power)
    return np.where(np.abs(power - whole) * abs(np.log(factor)) <= _SAME_LEVEL, whole, np.nan)


def _base(levels: Integers, votes: Floats) -> int:
    """The right level: what is stored says, else the newest run when it is settled, else most rows."""
    if len(votes):
        return _most_frequent(votes.astype(np.int64))
    newest = int(levels[-1])
    settled = bool(np.all(levels[-SETTLED:] == newest)) and len(levels) > SETTLED
    return newest if settled else _most_frequent(levels)


def _most_frequent(values: Integers) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[np.argmax(counts)])
