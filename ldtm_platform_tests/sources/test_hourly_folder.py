"""Hourly files: starts in any spelling that tells its zone, segments, ranges, and trouble named by file."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from ldtm_platform.prices.hourly.bars import SortedHours, sort_hours
from ldtm_platform.sources.base import BarRequest, SourceError
from ldtm_platform.sources.hourly import HOUR_COLUMNS, TickerHours
from ldtm_platform.sources.hourly_folder import HourlyFolder
from ldtm_platform_tests.hourly_bars import bars_at

DAY = date(2024, 7, 2)
NOTHING = pl.DataFrame(schema={"ticker": pl.String, "date": pl.Date, "grid": pl.String})
VALUES = "10,11,9,10.5,100"


def fetched(path: Path, *tickers: str, start: date = DAY, end: date = date(2024, 7, 3)) -> dict[str, TickerHours]:
    source = HourlyFolder(path, price_basis="raw")
    return {answer.ticker: answer for answer in source.fetch([BarRequest(ticker, start, end) for ticker in tickers])}


def judged(answer: TickerHours) -> SortedHours:
    assert answer.error is None
    return sort_hours(answer.bars, NOTHING, datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "start",
    [
        "2024-07-02T14:00:00Z", "2024-07-02 14:00:00+00:00", "2024-07-02 10:00:00-04:00", "2024-07-02T10:00-0400",
        "2024-07-02 14:00:00.000000 UTC", " 2024-07-02T14:00:00.000+0000 ",
    ],
)  # fmt: skip
def test_a_start_in_text_is_the_instant_that_it_says(tmp_path: Path, start: str) -> None:
    (tmp_path / "AAA.csv").write_text(f"Datetime,Open,High,Low,Close,Volume\n{start},{VALUES}\n")
    assert judged(fetched(tmp_path, "AAA")["AAA"]).good["start_at"].to_list() == [datetime(2024, 7, 2, 14, tzinfo=UTC)]


@pytest.mark.parametrize("start", ["2024-07-02 10:00:00", "2024-07-02", "noon", ""])
def test_a_start_that_does_not_tell_its_zone_is_quarantined_and_never_guessed(tmp_path: Path, start: str) -> None:
    (tmp_path / "AAA.csv").write_text(f"timestamp,open,high,low,close,volume\n{start},{VALUES}\n")
    found = judged(fetched(tmp_path, "AAA")["AAA"])
    assert found.good.is_empty()
    assert "start_at is missing or unreadable" in found.bad["reason"][0]


def test_a_parquet_timestamp_without_a_zone_is_quarantined_too(tmp_path: Path) -> None:
    naive = bars_at([(DAY, "10:00")]).with_columns(pl.col("start_at").dt.replace_time_zone(None))
    naive.write_parquet(tmp_path / "hours.parquet")
    assert judged(fetched(tmp_path, "AAA")["AAA"]).bad.height == 1


def test_only_the_sessions_asked_for_are_read_by_new_york_s_days(tmp_path: Path) -> None:
    days = [(date(2024, 7, 1), "19:00"), (DAY, "04:00"), (DAY, "15:00"), (DAY, "19:00"), (date(2024, 7, 3), "04:00")]
    bars_at(days).write_parquet(tmp_path / "hours.parquet")
    assert fetched(tmp_path, "AAA")["AAA"].bars["start_at"].to_list() == bars_at(days[1:4])["start_at"].to_list()


def test_files_of_other_types_and_segments_are_read_together(tmp_path: Path) -> None:
    bars_at([(DAY, "10:00"), (DAY, "11:00")], segment="ibkr").rename({"start_at": "ts"}).write_parquet(
        tmp_path / "a.parquet"
    )
    bars_at([(DAY, "12:00")]).drop("segment").write_csv(tmp_path / "b.csv")
    answer = fetched(tmp_path, "AAA")["AAA"]
    assert answer.bars.columns == list(HOUR_COLUMNS)
    assert sorted(answer.bars["segment"]) == ["", "ibkr", "ibkr"]
    # Two segments of one session: that which covers more of it is kept.
    assert judged(answer).good["segment"].to_list() == ["ibkr", "ibkr"]


def test_trouble_is_named_by_file_and_spoils_only_its_tickers(tmp_path: Path) -> None:
    (tmp_path / "BBB.csv").write_text("ts,open\n2024-07-02T14:00:00Z,1\n")
    (tmp_path / "CCC.parquet").write_bytes(b"no parquet")
    bars_at([(DAY, "10:00")]).write_csv(tmp_path / "AAA.csv")
    answers = fetched(tmp_path, "AAA", "BBB", "CCC", "DDD")
    assert answers["AAA"].error is None
    assert "BBB.csv lacks the column high, low, close, volume: mend or remove it" in (answers["BBB"].error or "")
    assert "CCC.parquet cannot be read" in (answers["CCC"].error or "")
    assert "DDD is in no file of" in (answers["DDD"].error or "")


def test_a_folder_that_is_gone_or_empty_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        fetched(tmp_path / "none", "AAA")
    with pytest.raises(SourceError, match="put Parquet or CSV files there"):
        fetched(tmp_path, "AAA")


def test_the_real_file_is_read_as_it_is(shared_data: Path) -> None:
    answers = fetched(shared_data / "hourly.parquet", "AAPL", "ZZZ", start=date(2021, 1, 1), end=date(2026, 1, 1))
    assert answers["AAPL"].bars.height == 7_355
    assert answers["AAPL"].bars["segment"].unique().to_list() == ["ibkr"]
    assert answers["ZZZ"].bars.is_empty()
    assert answers["ZZZ"].error is None
