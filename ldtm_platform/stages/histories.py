"""Persisted features as what models are given."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from ldtm_platform.models.base import History
from ldtm_platform.warehouse import reads


def delisted_before(engine: sa.Engine, session: date) -> dict[str, str]:
    """The tickers that were delisted before a session, with what is known of it: none of them has a model after it."""
    rows = reads.delisted_tickers(engine).iter_rows(named=True)
    return {row["ticker"]: row["message"] for row in rows if row["last_date"] and row["last_date"] < session}


def read_histories(
    engine: sa.Engine, tickers: Sequence[str], *, through: date, last: int | None = None
) -> list[History]:
    """Each ticker's feature rows up to a session (the newest `last` of them), in the price basis of its last row.

    One history a ticker, in the order asked for; one without rows for a ticker that has no features.
    """
    frame = reads.features(engine, tickers, through=through, last=last)
    by_ticker = {str(key[0]): part.drop("ticker") for key, part in frame.partition_by("ticker", as_dict=True).items()}
    return [History(ticker, by_ticker.get(ticker, frame.drop("ticker").clear())) for ticker in tickers]
