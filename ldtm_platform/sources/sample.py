"""Real prices that install by pip: the stocks of bokeh_sampledata, 2000-03-01 (or listing) to 2013-03-01.

AAPL, FB, GOOG, IBM and MSFT, raw daily bars plus an adjusted close. Corporate actions are not in the file; they show in
the adjustment factor f = close / adjusted close. Where f falls from one session to the next by q = f(t-1) / f(t):
- q >= 1.2 or q <= 1/1.2 is a split with the nearest whole ratio n:1, 1:n or n:2 (real: AAPL 2:1 on 2000-06-21 and
  2005-02-28, MSFT 2:1 on 2003-02-18);
- else q > 1.0002 (above the rounding of the file) is a dividend of close(t-1) * (1 - 1/q) a share, to 0.1 cent.
A special dividend of 17 % or more would be taken for a split; the file has none (the largest: MSFT's $3 of 2004, 10 %).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from ldtm_platform.sources.base import (
    BAR_COLUMNS,
    BarRequest,
    MarketDataSource,
    SourceError,
    TickerBars,
    no_answer,
)

SPLIT_FROM = 1.2
DIVIDEND_FROM = 1.0002


class SampleSource(MarketDataSource):
    """AAPL, FB, GOOG, IBM and MSFT up to 2013-03-01, from the pip package bokeh_sampledata."""

    name = "sample"
    price_basis = "raw"

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request; raises SourceError when the package is not installed."""
        stocks = _stocks()
        actions = _derived_actions(stocks)
        for request in requests:
            yield _answer(request, stocks, actions)


def _answer(request: BarRequest, stocks: pl.DataFrame, actions: pl.DataFrame) -> TickerBars:
    ticker = request.ticker
    if ticker not in stocks["ticker"]:
        known = ", ".join(stocks["ticker"].unique().sort())
        return no_answer(ticker, f"{ticker} is not in the sample, which has {known}", gone=True)
    bars = stocks.filter(ticker=ticker).filter(pl.col("date").is_between(request.start, request.end, closed="left"))
    mine = actions.filter(ticker=ticker)
    in_range = mine.filter(pl.col("ex_date").is_between(request.start, request.end, closed="left"))
    return TickerBars(ticker, bars.select(BAR_COLUMNS), in_range)


@cache
def _stocks() -> pl.DataFrame:
    package = find_spec("bokeh_sampledata")
    if package is None or package.origin is None:
        raise SourceError("the sample prices are not installed: pip install bokeh_sampledata")
    # The file itself: the package's own loader would import pandas.
    rows = pl.read_csv(Path(package.origin).with_name("_data") / "stocks.csv.gz", try_parse_dates=True)
    return rows.rename(lambda name: name.lower().replace(" ", "_")).sort("ticker", "date")


def _derived_actions(stocks: pl.DataFrame) -> pl.DataFrame:
    factor = pl.col("close") / pl.col("adj_close")
    steps = stocks.select(
        "ticker",
        pl.col("date").alias("ex_date"),
        step=(factor.shift(1) / factor).over("ticker"),
        previous_close=pl.col("close").shift(1).over("ticker"),
    )
    is_split = (pl.col("step") >= SPLIT_FROM) | (pl.col("step") <= 1 / SPLIT_FROM)
    forward, reverse = (pl.col("step") * 2).round() / 2, 1 / (1 / pl.col("step")).round()
    ratio = pl.when(pl.col("step") > 1).then(forward).otherwise(reverse)
    dividend = (pl.col("previous_close") * (1 - 1 / pl.col("step"))).round(3)
    return steps.filter(is_split | (pl.col("step") > DIVIDEND_FROM)).select(
        "ticker",
        "ex_date",
        kind=pl.when(is_split).then(pl.lit("split")).otherwise(pl.lit("dividend")),
        value=pl.when(is_split).then(ratio).otherwise(dividend),
    )
