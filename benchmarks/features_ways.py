"""The 14 factors of benchmarks/features.py by the product and by pandas, in a process of their own.

    python features_ways.py product|pandas BARS.parquet TABLE.npy

Makes the table twice; prints, each time, the processor seconds so far and the peak in MiB; then writes it.
"""

import resource
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float32]


def product(path: str) -> Table:
    """The product's 11 features and three more made of the same expressions."""
    import polars as pl

    from ldtm_platform.features.expressions import log_return
    from ldtm_platform.features.feature_set import FEATURE_SET
    from ldtm_platform.features.in_parts import engineer_in_parts

    factors = FEATURE_SET | {
        "ret20": log_return(20),
        "volatility20": log_return(1).rolling_std(20),
        "volume20": pl.col("volume") / pl.col("volume").rolling_mean(20),
    }
    no_splits = pl.DataFrame(schema={"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64})
    parts = engineer_in_parts(pl.scan_parquet(path), no_splits, factors)
    wanted = pl.col(list(factors)).cast(pl.Float32)
    return np.concatenate([part.select(wanted).to_numpy(order="c") for part in parts])


def pandas(path: str) -> Table:
    """Whole columns, grouped by ticker: no loop over tickers, and no apply."""
    import pandas as pd

    bars = pd.read_parquet(path)
    groups = bars.groupby("ticker", sort=False)
    close, volume = bars["close"], bars["volume"]

    def log_return(count: int) -> Any:  # noqa: ANN401 - pandas is untyped here
        return np.log(close / groups["close"].shift(count))

    def rolling(values: Any, count: int) -> Any:  # noqa: ANN401
        return values.groupby(bars["ticker"], sort=False).rolling(count)

    def wilder(values: Any) -> Any:  # noqa: ANN401
        return values.groupby(bars["ticker"], sort=False).ewm(alpha=1 / 14, adjust=False).mean().to_numpy()

    change, ret1 = groups["close"].diff(), log_return(1)
    columns = [
        *(bars[name] for name in ("open", "high", "low", "close", "volume")),
        ret1,
        log_return(5),
        100 - 100 / (1 + wilder(change.clip(lower=0)) / (wilder((-change).clip(lower=0)) + 1e-12)),
        *(rolling(close, count).mean() for count in (5, 10, 20)),
        log_return(20),
        rolling(ret1, 20).std(),
        volume / rolling(volume, 20).mean().to_numpy(),
    ]
    return np.column_stack([np.asarray(column, dtype=np.float32) for column in columns])


def main() -> None:
    """Make the table twice, tell what it took, and write it."""
    way, path, table = sys.argv[1:]
    make = {"product": product, "pandas": pandas}[way]
    for _ in range(2):
        made = make(path)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, flush=True)
    np.save(table, made)


if __name__ == "__main__":
    main()
