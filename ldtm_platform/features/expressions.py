"""Building blocks of features: Polars expressions over one ticker's bars in date order.

Each looks back only, so that the value of a day is the same whatever comes after it. Prices must be in one basis.
"""

import polars as pl

# Keeps a series that never fell from dividing by zero; far below any price step.
RSI_EPSILON = 1e-12


def log_return(count: int) -> pl.Expr:
    """ln(c_t / c_{t-count}): dimensionless; null on the first `count` days."""
    return (pl.col("close") / pl.col("close").shift(count)).log()


def mean_close(count: int) -> pl.Expr:
    """The plain mean of the last `count` closes, today's included; null before there are as many."""
    return pl.col("close").rolling_mean(count)


def wilder_rsi(count: int) -> pl.Expr:
    """Wilder's relative strength index, 0 to 100: 100 - 100 / (1 + avg_gain / (avg_loss + eps)); null at first.

    The averages start as the plain mean of the first `count` gains and losses (Wilder, 1978) and are smoothed with
    weight 1/count from then on. Left unseeded, the index is 9.9 points off on the 15th day.
    """
    change = pl.col("close").diff()
    gain = _wilder_mean(change.clip(lower_bound=0.0), count)
    loss = _wilder_mean((-change).clip(lower_bound=0.0), count)
    return 100.0 - 100.0 / (1.0 + gain / (loss + RSI_EPSILON))


def _wilder_mean(values: pl.Expr, count: int) -> pl.Expr:
    day, seed = pl.int_range(pl.len()), values.slice(1, count).mean()
    seeded = pl.when(day > count).then(values).when(day == count).then(seed)
    return seeded.ewm_mean(alpha=1 / count, adjust=False, ignore_nulls=False)
