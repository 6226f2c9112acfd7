"""How many broken rows are found, how many of them are put right, and what is wrongly reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.prices.defects.finding import Case
from ldtm_platform.prices.defects.mended import Mended, mended
from ldtm_platform.sources.base import PRICE_COLUMNS
from ldtm_platform_tests.prices.defects.planting import NO_SPLITS, PLANTERS, SPLITS, Planted

# The given repaired tables are printed with two to fifteen digits.
TOLERANCE = 1e-3
# Shares lost where a volume was divided by a split and rounded.
_ROUNDED = 10


@dataclass(frozen=True)
class Counted:
    """Rows: broken ones, those found, those repaired to the truth, those repaired to something else; and those reported
    that are not broken, as repaired or as held."""

    rows: int = 0
    found: int = 0
    repaired: int = 0
    repaired_wrong: int = 0
    false_repairs: int = 0
    false_held: int = 0

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(*(one + another for one, another in zip(_fields(self), _fields(other), strict=True)))


def counted(planted: Planted, others: pl.DataFrame) -> Counted:
    """What becomes of one ticker's planted defect on its first delivery."""
    good, bad = split_good_and_bad(planted.bars, date.max)
    done = mended(Case(good, planted.splits, "split_adjusted", good.clear(), others))
    return _against(done, bad, planted)


def counted_pair(planted: Planted) -> Counted:
    """The same of a vendor's table of another exchange, whose days are no sessions of ours."""
    bars = planted.bars
    done = mended(Case(bars, planted.splits, "split_adjusted", bars.clear(), bars.clear()))
    return _against(done, done.held.clear(), planted)


def recall(bars: Sequence[pl.DataFrame], name: str, *, seed: int = 0) -> Counted:
    """One defect planted once into each ticker's bars; the next one in the list plays the other ticker."""
    total = Counted()
    for at, own in enumerate(bars):
        rng = np.random.default_rng([seed, at])
        other = bars[(at + 1) % len(bars)]
        total += counted(PLANTERS[name](own, other, rng), other)
    return total


def false_alarms(bars: Sequence[pl.DataFrame], others: pl.DataFrame) -> dict[str, Mended]:
    """Of sound bars, what is repaired or held of each ticker; tickers without either are left out."""
    done = {}
    for own in bars:
        ticker = own["ticker"][0]
        theirs = others.filter(pl.col("ticker") != ticker)
        done[ticker] = mended(Case(own, NO_SPLITS, "split_adjusted", own.clear(), theirs))
    return {ticker: each for ticker, each in done.items() if each.repairs.height or each.held.height}


def vendor_table(path: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A table of yfinance's as bars, splits and dividends (ex_date, value), by date."""
    rows = pl.read_csv(path)
    day = pl.col(rows.columns[0]).str.slice(0, 10).str.to_date()
    ticker = pl.lit(path.name.split("-1d")[0])
    prices = (pl.col(name.capitalize()).cast(pl.Float64).alias(name) for name in PRICE_COLUMNS)
    bars = rows.select(ticker=ticker, date=day).hstack(rows.select(*prices, volume=pl.col("Volume").cast(pl.Int64)))
    splits = rows.select(ticker=ticker, ex_date=day, value=pl.col("Stock Splits").cast(pl.Float64))
    paid = rows.select(ex_date=day, value=pl.col("Dividends").cast(pl.Float64)).filter(pl.col("value") > 0)
    return bars.sort("date"), splits.filter(pl.col("value") > 0).cast(SPLITS), paid.sort("ex_date")  # type: ignore[arg-type]


def pair(folder: Path, name: str) -> Planted:
    """A broken table of the given ones with the repaired one as truth."""
    broken, splits, _ = vendor_table(folder / f"{name}.csv")
    fixed, _, _ = vendor_table(folder / f"{name}-fixed.csv")
    both = broken.join(fixed, on="date", suffix="_fixed")
    differs = pl.any_horizontal(
        (pl.col(name) / pl.col(f"{name}_fixed") - 1).abs() > TOLERANCE for name in PRICE_COLUMNS
    )
    return Planted(broken, fixed, set(both.filter(differs)["date"]), splits)


def _against(done: Mended, bad: pl.DataFrame, planted: Planted) -> Counted:
    held = {*done.held["date"], *bad["date"]}
    repaired = set(done.repairs["date"])
    right = done.bars.join(planted.truth, on="date", suffix="_true").filter(
        pl.all_horizontal(
            *((pl.col(name) / pl.col(f"{name}_true") - 1).abs() <= TOLERANCE for name in PRICE_COLUMNS),
            (pl.col("volume") - pl.col("volume_true")).abs() <= _ROUNDED + TOLERANCE * pl.col("volume_true"),
        )
    )
    mended_right = repaired & planted.days & set(right["date"])
    return Counted(
        len(planted.days),
        len(planted.days & (held | repaired)),
        len(mended_right),
        len((repaired & planted.days) - mended_right),
        len(repaired - planted.days),
        len(held - planted.days),
    )


def _fields(counts: Counted) -> tuple[int, ...]:
    return tuple(vars(counts).values())
