"""The folder source: every documented layout reads alike, and trouble stays with the file that has it."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ldtm_platform.prices.actions import split_good_and_bad_actions
from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.sources.base import BAR_COLUMNS, BarRequest, SourceError, TickerBars
from ldtm_platform.sources.folder import FolderSource

DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]


def bars_of(ticker: str, close: float = 10.5) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "ticker": [ticker] * 3,
            "date": DAYS,
            "open": [10.0] * 3,
            "high": [11.0] * 3,
            "low": [9.0] * 3,
            "close": [close] * 3,
            "volume": [100] * 3,
        }
    )


def fetched(path: Path, *tickers: str, start: date = DAYS[0], end: date = date(2024, 2, 1)) -> list[TickerBars]:
    return list(FolderSource(path).fetch([BarRequest(ticker, start, end) for ticker in tickers]))


def good(answer: TickerBars) -> pl.DataFrame:
    return split_good_and_bad(answer.bars, date(2024, 1, 31))[0]


def test_one_file_of_many_tickers_and_one_file_a_ticker_read_alike(tmp_path: Path) -> None:
    both = pl.concat([bars_of("A"), bars_of("B")])
    for layout in ("many", "each", "text"):
        (tmp_path / layout).mkdir()
    both.write_parquet(tmp_path / "many" / "prices.parquet")
    both.write_csv(tmp_path / "text" / "prices.csv")
    for ticker in ("A", "B"):
        bars_of(ticker).drop("ticker").write_csv(tmp_path / "each" / f"{ticker.lower()}.csv")
    for path in (tmp_path / "many", tmp_path / "many" / "prices.parquet", tmp_path / "each", tmp_path / "text"):
        assert_frame_equal(pl.concat([good(answer) for answer in fetched(path, "A", "B")]), both)


def test_column_names_may_have_any_case_and_others_are_left_aside(tmp_path: Path) -> None:
    bars_of("A").rename(str.title).with_columns(pl.lit(1).alias("Adj Close")).write_csv(tmp_path / "p.csv")
    (answer,) = fetched(tmp_path, "A")
    assert tuple(answer.bars.columns) == BAR_COLUMNS


def test_the_range_is_half_open(tmp_path: Path) -> None:
    bars_of("A").write_parquet(tmp_path / "p.parquet")
    (answer,) = fetched(tmp_path, "A", start=DAYS[1], end=DAYS[2])
    assert answer.bars["date"].to_list() == [DAYS[1]]


def test_files_that_contradict_each_other_are_both_handed_on(tmp_path: Path) -> None:
    bars_of("A").write_parquet(tmp_path / "1.parquet")
    bars_of("A", close=10.7).write_csv(tmp_path / "2.csv")
    (answer,) = fetched(tmp_path, "A")
    assert answer.bars.height == 6
    assert split_good_and_bad(answer.bars, DAYS[2])[1].height == 6


def test_actions_come_from_columns_and_from_the_actions_file(tmp_path: Path) -> None:
    own = bars_of("A").with_columns(Dividends=pl.Series([0.0, 0.25, 0.0]), stock_splits=pl.Series([0.0, 0.0, 4.0]))
    own.write_parquet(tmp_path / "p.parquet")
    (tmp_path / "actions.csv").write_text("ticker,ex_date,kind,value\nA,2024-06-10,split,10\nA,2024-01-05,halt,\n")
    (answer,) = fetched(tmp_path, "A")
    assert answer.actions.rows() == [
        ("A", date(2024, 1, 3), "dividend", 0.25),
        ("A", date(2024, 1, 4), "split", 4.0),
        ("A", date(2024, 1, 5), "halt", None),
        # After the range: the prices are adjusted for it all the same.
        ("A", date(2024, 6, 10), "split", 10.0),
    ]


def test_the_actions_file_wins_over_the_columns_of_the_same_day_and_kind(tmp_path: Path) -> None:
    columns = bars_of("A").with_columns(dividends=pl.Series([0.0, 0.0, 0.3]), stock_splits=pl.Series([0.0, 2.0, 2.0]))
    columns.write_parquet(tmp_path / "p.parquet")
    (tmp_path / "actions.csv").write_text(f"ticker,ex_date,kind,value\nA,{DAYS[2]},split,4\nA,{DAYS[2]},split,4\n")
    (answer,) = fetched(tmp_path, "A")
    assert answer.actions.rows() == [
        ("A", DAYS[1], "split", 2.0),
        ("A", DAYS[2], "dividend", 0.3),
        ("A", DAYS[2], "split", 4.0),
    ]


def test_actions_that_contradict_each_other_or_lack_a_date_are_handed_on_to_be_judged(tmp_path: Path) -> None:
    bars_of("A").with_columns(stock_splits=pl.Series([0.0, 0.0, 2.0])).write_parquet(tmp_path / "p.parquet")
    (tmp_path / "actions.csv").write_text(
        f"ticker,ex_date,kind,value\nA,{DAYS[2]},split,4\nA,{DAYS[2]},split,5\nA,10.06.2024,split,10\nA,,dividend,1\n"
        "A,2024-06-10,Split,3\nA,2024-01-05,,\nA,2024-06-11,dividend,1\n"
    )
    (answer,) = fetched(tmp_path, "A")
    good_actions, bad = split_good_and_bad_actions(answer.actions)
    assert good_actions.is_empty()
    assert sorted(bad["reason"]) == [
        *["another action of the same kind and day says otherwise"] * 2,
        *["the action has no date"] * 2,
        *["the kind of action is none of split, dividend, halt"] * 2,
    ]


def test_an_unknown_ticker_is_an_answer_with_an_error(tmp_path: Path) -> None:
    bars_of("A").write_parquet(tmp_path / "p.parquet")
    first, second = fetched(tmp_path, "A", "NOPE")
    assert (first.error, second.bars.height) == (None, 0)
    assert second.error == f"NOPE is in no file of {tmp_path}"


def test_a_broken_file_spoils_only_its_own_ticker(tmp_path: Path) -> None:
    bars_of("A").write_parquet(tmp_path / "A.parquet")
    (tmp_path / "B.parquet").write_bytes(b"PAR1 truncated")
    bars_of("C").drop("volume").write_csv(tmp_path / "C.csv")
    a, b, c = fetched(tmp_path, "A", "B", "C")
    assert a.error is None
    assert "B.parquet cannot be read" in str(b.error)
    assert "C.csv lacks the column volume" in str(c.error)


def test_a_cell_that_is_no_number_is_left_for_the_judge_of_rows(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "ticker,date,open,high,low,close,volume\nA,2024-01-02,1,2,1,n/a,5\nA,2024-01-03,1,2,1,2,5\n"
    )
    (answer,) = fetched(tmp_path, "A")
    assert answer.bars["close"].to_list() == ["n/a", "2"]
    assert good(answer)["date"].to_list() == [DAYS[1]]


def test_a_missing_or_empty_folder_and_a_wrong_actions_file_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        fetched(tmp_path / "gone", "A")
    with pytest.raises(SourceError, match="put Parquet or CSV files there"):
        fetched(tmp_path, "A")
    bars_of("A").write_parquet(tmp_path / "p.parquet")
    (tmp_path / "actions.csv").write_text("ticker,when\nA,2024-06-10\n")
    with pytest.raises(SourceError, match="ex_date, kind, value"):
        fetched(tmp_path, "A")


def test_all_tickers_of_the_real_file_are_served(shared_data: Path) -> None:
    path = shared_data / "daily.parquet"
    tickers = pl.scan_parquet(path).select(pl.col("ticker").unique().sort()).collect()["ticker"].to_list()
    answers = fetched(path, *tickers, start=date(2015, 1, 1), end=date(2026, 1, 1))
    assert sum(answer.bars.height for answer in answers) == pl.scan_parquet(path).select(pl.len()).collect().item()
    assert not [answer.error for answer in answers if answer.error]
