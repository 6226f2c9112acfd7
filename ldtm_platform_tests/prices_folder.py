"""A folder of prices as a user would have it: one file a ticker, from the simulated market, to be broken in tests."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.universe import load_universe

START, END = date(2023, 1, 3), date(2024, 8, 1)


def write_prices(folder: Path, tickers: Sequence[str], *, start: date = START) -> None:
    """<ticker>.csv of each ticker's raw bars from a day on, and actions.csv with its splits and halts."""
    folder.mkdir(exist_ok=True)
    source = SimulatedSource(seed=0, sectors=load_universe().sector_of, start=START)
    answers = list(source.fetch([BarRequest(ticker, start, END) for ticker in tickers]))
    for answer in answers:
        answer.bars.drop("ticker").write_csv(folder / f"{answer.ticker}.csv")
    pl.concat([answer.actions for answer in answers]).write_csv(folder / "actions.csv")


def drop_sessions(folder: Path, ticker: str, days: Sequence[date]) -> None:
    """Take the bars of these days out of a ticker's file."""
    path = folder / f"{ticker}.csv"
    bars = pl.read_csv(path, try_parse_dates=True)
    bars.filter(~pl.col("date").is_in(days)).write_csv(path)
