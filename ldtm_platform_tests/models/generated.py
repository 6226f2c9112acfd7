"""Generated bars and histories: seeded random walks on real sessions, and a network small enough to train in a test."""

from datetime import date

import numpy as np
import polars as pl

from ldtm_platform.features.engineer import WARMUP_SESSIONS, engineer, restate
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.sessions import sessions_between

SESSIONS = sessions_between(date(2020, 1, 2), date(2026, 1, 1))
NO_SPLITS = pl.DataFrame(schema={"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64})
TINY = Ldtm(LdtmConfig(hidden=8, head_hidden=4, max_epochs=2))


def random_bars(ticker: str, count: int, *, seed: int = 0) -> pl.DataFrame:
    """So many bars of a random walk, from 2020-01-02 on."""
    generator = np.random.default_rng([seed, *ticker.encode()])
    close = 100 * np.exp(np.cumsum(generator.normal(0.0003, 0.018, count)))
    opened = close * np.exp(generator.normal(0, 0.006, count))
    spread = np.abs(generator.normal(0, 0.006, (2, count)))
    frame = {
        "date": SESSIONS[:count],
        "open": opened,
        "high": np.maximum(opened, close) * np.exp(spread[0]),
        "low": np.minimum(opened, close) * np.exp(-spread[1]),
        "close": close,
        "volume": np.exp(generator.normal(15, 0.5, count)).astype(np.int64),
    }
    return pl.DataFrame(frame).select(pl.lit(ticker).alias("ticker"), pl.all())


def split_bars(bars: pl.DataFrame, ex_date: date, value: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same bars as traded had each share become `value` shares on a day; and that split."""
    after = pl.col("date") >= ex_date
    prices = [pl.when(after).then(pl.col(n) / value).otherwise(pl.col(n)) for n in ("open", "high", "low", "close")]
    volume = pl.when(after).then(pl.col("volume") * value).otherwise(pl.col("volume")).cast(pl.Int64)
    splits = pl.DataFrame({"ticker": [bars["ticker"][0]], "ex_date": [ex_date], "value": [value]})
    return bars.with_columns(*prices, volume), splits


def history_of(bars: pl.DataFrame, splits: pl.DataFrame = NO_SPLITS, *, through: date = SESSIONS[-1]) -> History:
    """The history of one ticker as it is read for a session, from features of all its bars."""
    features = engineer(bars, splits).filter(pl.col("date") <= through)
    return History(bars["ticker"][0], restate(features).drop("ticker"))


def random_history(ticker: str = "WALK", rows: int = 320, *, seed: int = 0) -> History:
    """A history of so many feature rows."""
    return history_of(random_bars(ticker, rows + WARMUP_SESSIONS, seed=seed))
