"""Engineer and persist the features of tickers, once for training and inference alike."""

from collections.abc import Iterator, Sequence

import polars as pl
import sqlalchemy as sa

from ldtm_platform.batches import batches
from ldtm_platform.features.engineer import engineer
from ldtm_platform.models.base import MIN_FEATURE_ROWS
from ldtm_platform.stages.outcome import Outcome, Result
from ldtm_platform.warehouse import reads, writes


def engineer_tickers(engine: sa.Engine, tickers: Sequence[str]) -> Iterator[Outcome]:
    """Engineer each ticker's whole history and persist what changed; one outcome a ticker.

    A ticker whose bars are incomplete is refused by name: its windows would bridge the gap without saying so.
    """
    refused = dict(reads.incomplete_tickers(engine, tickers))
    for batch in batches(tickers):
        usable = [ticker for ticker in batch if ticker not in refused]
        features = engineer(reads.bars(engine, usable), reads.splits(engine, usable))
        by_ticker = {str(key[0]): frame for key, frame in features.partition_by("ticker", as_dict=True).items()}
        for ticker in batch:
            if ticker in refused:
                yield Outcome(ticker, Result.FAILED, "incomplete_bars", f"bars are not complete: {refused[ticker]}")
            else:
                yield _persist(engine, ticker, by_ticker.get(ticker, features.clear()))


def _persist(engine: sa.Engine, ticker: str, frame: pl.DataFrame) -> Outcome:
    with engine.begin() as connection:
        written = writes.replace_features(connection, ticker, frame)
    facts: dict[str, str | int | float] = {
        "dagster/partition_row_count": frame.height,
        "rows_new": written.inserted,
        "rows_changed": written.updated,
    }
    if frame.height:
        facts |= {"first_date": str(frame["date"].min()), "last_date": str(frame["date"].max())}
    if frame.height < MIN_FEATURE_ROWS:
        message = f"{ticker} has {frame.height} feature rows; {MIN_FEATURE_ROWS} are needed to train"
        return Outcome(ticker, Result.MADE, "too_little_history", message, facts)
    return Outcome(ticker, Result.MADE, facts=facts)
