"""No delivery of good rows stops the examination, however odd; what it leaves are the rows sent, less those held."""

from datetime import date, timedelta
from typing import get_args

import numpy as np
import polars as pl
import pytest

from ldtm_platform.prices.bars import MOST_PRICE, split_good_and_bad
from ldtm_platform.prices.defects.finding import Case
from ldtm_platform.prices.defects.mended import mended
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import PriceBasis
from ldtm_platform_tests.prices.defects.planting import SPLITS

SESSIONS = sessions_between(date(2020, 1, 1), date(2020, 1, 1) + timedelta(days=90))


def delivery(rng: np.random.Generator) -> pl.DataFrame:
    """Good bars between a millionth and the most that a price may be, jumping by anything, some of them silent."""
    rows = int(rng.integers(0, 40))
    size = float(rng.choice((0.01, 1, 8)))
    prices = np.exp(np.sort(rng.normal(0, size, (rows, 4)), axis=1) + np.cumsum(rng.normal(0, size, rows))[:, None])
    low, first, last, high = np.clip(prices, 1e-6, MOST_PRICE).T
    top = float(rng.choice((1, 1e6, 9e18)))
    columns = {"open": first, "high": high, "low": low, "close": last}
    volume = (rng.random(rows) * top * (rng.random(rows) > 0.3)).astype(np.int64)
    return pl.DataFrame({"ticker": ["X"] * rows, "date": SESSIONS[:rows], **columns, "volume": volume})


@pytest.mark.parametrize("basis", get_args(PriceBasis))
def test_whatever_comes_is_examined(basis: PriceBasis) -> None:
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        bars, bad = split_good_and_bad(delivery(rng), date.max)
        assert bad.is_empty()
        days = [SESSIONS[int(at)] for at in rng.choice(len(SESSIONS), 3, replace=False)]
        values = rng.choice((0.01, 0.1, 1 / 3, 1.5, 2.0, 20.0, 100.0, 1e4), 3)
        splits = pl.DataFrame({"ticker": ["X"] * 3, "ex_date": days, "value": values}, schema=SPLITS)
        stored = bars.filter(pl.Series(rng.random(bars.height) > 0.5))
        others = bars.filter(pl.Series(rng.random(bars.height) > 0.8)).with_columns(ticker=pl.lit("Y"))
        done = mended(Case(bars, splits, basis, stored, others))
        found += done.repairs.height + done.held.height
        assert sorted([*done.bars["date"], *done.held["date"]]) == bars["date"].to_list()
        again, bad = split_good_and_bad(done.bars.with_columns(pl.col("open", "high", "low", "close") / 1e4), date.max)
        assert bad.is_empty()
        assert again.height == done.bars.height
    assert found > 30
