"""Sorting of good and bad rows: every kind of dirt is named, nothing raises, and good rows pass untouched."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.sources.base import BAR_COLUMNS

GOOD: dict[str, Any] = {
    "ticker": "A",
    "date": date(2024, 1, 2),
    "open": 10.0,
    "high": 11.0,
    "low": 9.0,
    "close": 10.5,
    "volume": 100,
}
THROUGH = date(2024, 1, 31)


def rows(*changes: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([GOOD | change for change in changes], strict=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"close": None}, "close is missing or unreadable"),
        ({"close": float("nan")}, "close is not a number"),
        ({"high": float("inf")}, "high is infinite"),
        ({"low": 0.0}, "low is not above zero"),
        ({"high": 1e300}, "high is above any price"),
        ({"volume": -1}, "volume is negative"),
        ({"volume": None}, "volume is missing or unreadable"),
        ({"high": 10.2}, "the high is below another price of the day"),
        ({"low": 10.2}, "the low is above another price of the day"),
        ({"date": date(2024, 1, 1)}, "the date is no session of the exchange"),
        ({"date": date(2024, 2, 1)}, "the date is after 2024-01-31, the last session asked for"),
        ({"ticker": ""}, "ticker is empty"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(change: dict[str, Any], reason: str) -> None:
    good, bad = split_good_and_bad(rows({"date": date(2024, 1, 3)}, change), THROUGH)
    assert good["date"].to_list() == [date(2024, 1, 3)]
    assert bad["reason"].to_list() == [reason]


def test_all_that_is_wrong_with_a_row_is_said() -> None:
    _, bad = split_good_and_bad(rows({"high": 8.0, "volume": -5}), THROUGH)
    assert bad["reason"].item() == (
        "the high is below another price of the day; the low is above another price of the day; volume is negative"
    )


def test_text_is_read_and_what_cannot_be_read_is_bad() -> None:
    text = {"date": "2024-01-02", "open": " 10 ", "high": "11.0", "low": "9", "close": "10.5", "volume": "100"}
    frame = rows(text, text | {"date": "2024-01-03 00:00:00-05:00"}, text | {"date": "soon"}, text | {"close": "n/a"})
    good, bad = split_good_and_bad(frame, THROUGH)
    assert good.rows() == [tuple(GOOD.values()), (*("A", date(2024, 1, 3)), 10.0, 11.0, 9.0, 10.5, 100)]
    assert bad["reason"].to_list() == ["date is missing or unreadable", "close is missing or unreadable"]
    assert bad["date"].to_list() == [None, date(2024, 1, 2)]


def test_the_payload_is_the_row_as_it_was_sent() -> None:
    _, bad = split_good_and_bad(rows({"close": float("nan")}), THROUGH)
    assert json.loads(bad["payload"].item()) == GOOD | {"close": "nan", "date": "2024-01-02"}


def test_a_timestamp_counts_as_the_date_that_it_shows() -> None:
    frame = rows({"date": datetime(2024, 1, 2, 14, 30, tzinfo=UTC)})
    zoned = frame.with_columns(pl.col("date").dt.convert_time_zone("America/New_York"))
    assert split_good_and_bad(zoned, THROUGH)[0]["date"].to_list() == [date(2024, 1, 2)]


def test_equal_rows_count_once_and_contradicting_rows_are_all_bad() -> None:
    other = {"date": date(2024, 1, 3)}
    good, bad = split_good_and_bad(rows({}, {}, other, other | {"close": 9.5}), THROUGH)
    assert good["date"].to_list() == [date(2024, 1, 2)]
    assert bad["reason"].to_list() == ["another row of the same day says otherwise"] * 2


def test_a_broken_duplicate_does_not_condemn_the_good_row() -> None:
    good, bad = split_good_and_bad(rows({"close": None}, {}), THROUGH)
    assert (good.height, bad.height) == (1, 1)


def test_a_high_one_bit_below_the_close_is_rounding() -> None:
    good, _ = split_good_and_bad(rows({"close": 11.0 * (1 + 1e-15)}), THROUGH)
    assert good.height == 1


def test_no_rows_are_no_trouble_and_a_missing_column_is_named() -> None:
    good, bad = split_good_and_bad(rows({}).clear(), THROUGH)
    assert (good.height, bad.height, tuple(good.columns)) == (0, 0, BAR_COLUMNS)
    with pytest.raises(ValueError, match="volume"):
        split_good_and_bad(rows({}).drop("volume"), THROUGH)


def test_every_row_of_the_real_prices_is_good_and_passes_unchanged(shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "daily.parquet")
    good, bad = split_good_and_bad(frame, date(2025, 12, 31))
    assert bad.is_empty()
    assert good.equals(frame.select(BAR_COLUMNS).sort("ticker", "date"))
