"""Histories say what is wrong with them, and their hash is of their values alone."""

from datetime import date

import polars as pl
import pytest

from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.models.base import History, TooLittleHistory, UnusableHistory
from ldtm_platform_tests.models.generated import random_history

HISTORY = random_history(rows=260)


def test_too_little_history_says_how_much_there_is_and_how_much_is_needed() -> None:
    short = History("SNDK", HISTORY.frame.head(162))
    with pytest.raises(TooLittleHistory, match=r"SNDK has 162 feature rows .* 252 are needed"):
        short.require(252)


def test_an_empty_history_is_too_little_and_not_a_crash() -> None:
    empty = History("NEW", HISTORY.frame.clear())
    with pytest.raises(TooLittleHistory, match="NEW has no feature rows, 1 are needed: `ldtm ingest --ticker NEW`"):
        _ = empty.through


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_a_value_that_is_no_number_is_named_with_its_feature_and_first_day(bad: float | None) -> None:
    row = pl.int_range(pl.len())
    frame = HISTORY.frame.with_columns(rsi14=pl.when(row.is_in([200, 201])).then(bad).otherwise(pl.col("rsi14")))
    day = HISTORY.frame["date"][200]
    with pytest.raises(UnusableHistory, match=rf"WALK: rsi14 is no number on {day} \(2 such days\)"):
        History("WALK", frame).check()


def test_rows_out_of_order_or_repeated_are_refused() -> None:
    for frame in (HISTORY.frame.reverse(), pl.concat([HISTORY.frame, HISTORY.frame.tail(1)])):
        with pytest.raises(UnusableHistory, match="ascending"):
            History("WALK", frame).check()


def test_a_missing_feature_is_named() -> None:
    with pytest.raises(UnusableHistory, match="lack ma20"):
        History("WALK", HISTORY.frame.drop("ma20")).check()


def test_the_hash_changes_with_any_value_date_or_ticker_and_with_nothing_else() -> None:
    same = History("WALK", HISTORY.frame.select(*reversed(FEATURES), "date").rechunk())
    assert same.data_hash() == HISTORY.data_hash()
    changed = HISTORY.frame.with_columns(
        volume=pl.when(pl.int_range(pl.len()) == 3).then(1.0).otherwise(pl.col("volume"))
    )
    later = HISTORY.frame.with_columns(date=pl.col("date").dt.offset_by("1d"))
    hashes = {History("WALK", frame).data_hash() for frame in (HISTORY.frame, changed, later)}
    assert len(hashes | {History("OTHER", HISTORY.frame).data_hash()}) == 4


def test_the_hash_of_the_last_rows_does_not_depend_on_the_rows_before() -> None:
    assert HISTORY.data_hash(30) == History("WALK", HISTORY.frame.tail(40)).data_hash(30)
    assert HISTORY.through == HISTORY.frame["date"][-1] > date(2020, 1, 2)
