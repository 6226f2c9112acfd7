"""Stored splits that the vendor's answer takes back: found on a wrong day, or named on a wrong day and corrected."""

from datetime import date, timedelta

import polars as pl

from ldtm_platform.sessions import sessions_between

# A split named again so near, with the same value, is the same split on its right day: no company splits twice so fast.
MOVED_WITHIN_SESSIONS = 15
_SAME_VALUE = 1e-6


def withdrawn_splits(stored: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """The rows of stored that are to be deleted; empty when the vendor names no split.

    stored: ticker, ex_date, value, detected. named: ticker, ex_date, value, as the vendor names them now. A split found
    in prices goes when the vendor names the same value for the first time on a later day. A split named once goes when
    it is named no longer and one of the same value is, within MOVED_WITHIN_SESSIONS.
    """
    pairs = (
        stored.join(named.select("ex_date"), on="ex_date", how="anti")
        .join(named.select(named_date="ex_date", named_value="value"), how="cross")
        .filter((pl.col("value") / pl.col("named_value") - 1).abs() < _SAME_VALUE)
    )
    known = set(stored["ex_date"])
    taken_back = [
        (found and day not in known and day > ex_date) or (not found and _sessions_apart(ex_date, day))
        for ex_date, found, day in pairs.select("ex_date", "detected", "named_date").iter_rows()
    ]
    return pairs.filter(pl.Series(taken_back, dtype=pl.Boolean)).select(stored.columns).unique(maintain_order=True)


def _sessions_apart(one: date, other: date) -> bool:
    first, last = min(one, other), max(one, other)
    # The days themselves need be no sessions: they may be what is wrong.
    return len(sessions_between(first + timedelta(days=1), last + timedelta(days=1))) <= MOVED_WITHIN_SESSIONS
