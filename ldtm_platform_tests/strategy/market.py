"""Prices of QQQ and the two funds, made up: what a test of the signal cares about and no more."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from ldtm_platform.sessions import session_offset
from ldtm_platform.strategy.rule import levels, market_states
from ldtm_platform.strategy.summary import TRENDS, Market, market_of

LAST = date(2026, 4, 22)
NO_SPLITS = pl.DataFrame(schema={"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64})


def days(count: int) -> list[date]:
    """That many sessions, the last is LAST."""
    return [session_offset(LAST, offset) for offset in range(1 - count, 1)]


def bars(count: int = 700, *, seed: int = 0, drift: float = 0.0005, index: bool = True) -> pl.DataFrame:
    """Closes of a random index and of the funds that move three times as much each day, with and against it."""
    moves = np.random.default_rng(seed).normal(drift, 0.012, count)
    leverage = {"TQQQ": 3, "SQQQ": -3} | ({"QQQ": 1} if index else {})
    closes = {name: 50 * np.cumprod(1 + times * moves) for name, times in leverage.items()}
    return pl.concat(
        pl.DataFrame({"ticker": name, "date": days(count), "close": values}) for name, values in closes.items()
    )


def market(rows: pl.DataFrame, splits: pl.DataFrame = NO_SPLITS) -> Market:
    """The market of these bars."""
    priced = levels(rows, splits)
    return market_of(priced, states(priced))


def states(priced: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """The rule's view of each of TRENDS that has prices."""
    found = {name: priced.filter(ticker=name).drop("ticker") for name in TRENDS}
    return {name: market_states(frame) for name, frame in found.items() if frame.height}
