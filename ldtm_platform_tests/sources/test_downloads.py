"""Files from Stooq and nasdaq.com, dropped into the folder as they were downloaded."""

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.downloads import ticker_of
from ldtm_platform.sources.folder import FolderSource

EVER = (date(1980, 1, 1), date(2027, 1, 1))


def sorted_out(folder: Path, ticker: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    (answer,) = FolderSource(folder).fetch([BarRequest(ticker, *EVER)])
    assert answer.error is None
    return split_good_and_bad(answer.bars, EVER[1])


def test_a_download_from_nasdaq_is_read(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "wire" / "nasdaq" / "AAPL_historical.csv", tmp_path)
    good, bad = sorted_out(tmp_path, "AAPL")
    assert bad.is_empty()
    assert good.height == 2518
    assert good.row(-1) == ("AAPL", date(2024, 3, 1), 179.55, 180.53, 177.38, 179.66, 73563080)
    assert good["date"][0] == date(2014, 3, 3)


@pytest.mark.parametrize(
    ("name", "ticker", "last", "close"),
    [
        ("aapl_us_d.csv", "AAPL", date(2026, 2, 3), 269.48),
        ("aapl_us_d_2025.csv", "AAPL", date(2025, 9, 19), 245.5),
        ("msft_us_d.csv", "MSFT", date(2026, 2, 6), 401.14),
    ],
)
def test_a_download_from_stooq_is_read(
    shared_data: Path, tmp_path: Path, name: str, ticker: str, last: date, close: float
) -> None:
    shutil.copy(shared_data / "wire" / "stooq" / name, tmp_path)
    good, bad = sorted_out(tmp_path, ticker)
    assert (good["date"][-1], good["close"][-1]) == (last, close)
    # The calendar begins in 1999: what is before it is refused by row, and nothing else is.
    assert set(bad.filter(pl.col("date") >= date(1999, 1, 4))["reason"]) == set()
    assert good.height > 6_000


def test_headers_in_polish_read_like_english_ones(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / "wire" / "stooq" / "msft_us_d.csv").read_text()
    rows = text.split("\n", 1)[1]
    frames = []
    for at, header in enumerate(
        (
            "Date,Open,High,Low,Close,Volume",
            "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen",
            "Data,Otwarcie,Najwyższy,Najniższy,Zamknięcie,Wolumen",
        )
    ):
        folder = tmp_path / str(at)
        folder.mkdir()
        (folder / "msft_us_d.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
        frames.append(sorted_out(folder, "MSFT")[0])
    assert_frame_equal(frames[0], frames[1])
    assert_frame_equal(frames[0], frames[2])


def test_stooqs_bulk_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "bulk.csv").write_text(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAPL.US,D,20240102,000000,1,2,1,2,10,0\n"
        "MSFT.US,D,20240102,000000,3,4,3,4,10,0\n"
    )
    good, bad = sorted_out(tmp_path, "MSFT")
    assert bad.is_empty()
    assert good.rows() == [("MSFT", date(2024, 1, 2), 3.0, 4.0, 3.0, 4.0, 10)]


def test_dates_with_the_day_first_are_refused_and_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(
        "Date,Open,High,Low,Close,Volume\n02/01/2024,1,1,1,1,1\n03/01/2024,1,1,1,1,1\n15/01/2024,1,1,1,1,1\n"
    )
    good, bad = sorted_out(tmp_path, "A")
    assert good.is_empty()
    assert bad["reason"].to_list() == ["date is missing or unreadable"] * 3


def test_a_decimal_comma_is_refused_and_not_taken_for_thousands(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text('Date,Open,High,Low,Close,Volume\n2024-01-02,"1,234","1,234","1,234","1,234",1\n')
    good, bad = sorted_out(tmp_path, "A")
    assert (good.height, bad.height) == (0, 1)


@pytest.mark.parametrize("body", ["Exceeded the daily hits limit", "Brak danych", "No data", ""])
def test_a_saved_refusal_is_named_and_spoils_only_its_ticker(tmp_path: Path, body: str) -> None:
    (tmp_path / "aapl_us_d.csv").write_text(body)
    (tmp_path / "msft_us_d.csv").write_text("Date,Open,High,Low,Close,Volume\n2024-01-02,1,1,1,1,1\n")
    answers = list(FolderSource(tmp_path).fetch([BarRequest(ticker, *EVER) for ticker in ("AAPL", "MSFT")]))
    assert "aapl_us_d.csv" in (answers[0].error or "")
    assert (answers[1].error, answers[1].bars.height) == (None, 1)


@pytest.mark.parametrize(
    ("name", "ticker"),
    [
        ("AAPL.csv", "AAPL"),
        ("aapl_us_d.csv", "AAPL"),
        ("aapl_us_d_2025.csv", "AAPL"),
        ("brk-b.us.csv", "BRK-B"),
        ("AAPL_historical.csv", "AAPL"),
        ("us.csv", "US"),
    ],
)
def test_the_ticker_is_told_by_the_files_name(name: str, ticker: str) -> None:
    assert ticker_of(Path(name)) == ticker
