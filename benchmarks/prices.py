"""Histories for benchmarks: of real prices where there are some, else simulated."""

from datetime import date
from pathlib import Path

import polars as pl

from ldtm_platform.features.engineer import engineer, restate
from ldtm_platform.models.base import MIN_FEATURE_ROWS, History
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.simulated import SimulatedSource

# Real daily bars, adjusted for splits, on the machines that have them.
SHARED = Path(__file__).parents[2] / "shared" / "data" / "daily.parquet"
NO_SPLITS = pl.DataFrame(schema={"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64})


def histories_of(prices: Path | None, count: int, through: date) -> list[History]:
    """So many histories that are long enough to train on, of a Parquet file of prices, or simulated."""
    bars, splits = (pl.read_parquet(prices), NO_SPLITS) if prices else _simulated(count, through)
    traded = bars.filter(pl.col("date") <= through, pl.col("volume") > 0)
    rows = restate(engineer(traded, splits))
    # An index fund is no ticker of the fleet.
    frames = rows.filter(~pl.col("ticker").is_in(["QQQ", "SPY"])).partition_by("ticker", maintain_order=True)
    histories = [History(frame["ticker"][0], frame.drop("ticker")) for frame in frames]
    return [history for history in histories if history.rows >= MIN_FEATURE_ROWS][:count]


def _simulated(count: int, through: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Raw bars and splits."""
    tickers = [f"T{number:04}" for number in range(count)]
    start = date(2020, 1, 2)
    source = SimulatedSource(seed=0, sectors=dict.fromkeys(tickers, "all"), start=start)
    answers = list(source.fetch([BarRequest(ticker, start, through) for ticker in tickers]))
    actions = pl.concat([answer.actions for answer in answers])
    splits = actions.filter(pl.col("kind") == "split").select("ticker", "ex_date", "value")
    return pl.concat([answer.bars for answer in answers]), splits
