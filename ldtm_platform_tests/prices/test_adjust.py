"""Split arithmetic: against a slow loop, across real splits, and exact where nothing split."""

from datetime import date, timedelta
from math import prod
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldtm_platform.prices.adjust import adjusted, to_raw, with_split_factor

DAY = date(2024, 1, 2)
SPLITS_SCHEMA = {"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64}


def series(ticker: str, closes: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "ticker": [ticker] * len(closes),
            "date": [DAY + timedelta(days=at) for at in range(len(closes))],
            **dict.fromkeys(("open", "high", "low", "close"), closes),
            "volume": [1200] * len(closes),
        }
    )


def splits_of(*rows: tuple[str, int, float]) -> pl.DataFrame:
    return pl.DataFrame([(t, DAY + timedelta(days=at), v) for t, at, v in rows], schema=SPLITS_SCHEMA, orient="row")


TWO_SPLITS = splits_of(("A", 2, 2.0), ("A", 4, 5.0), ("B", 1, 0.25))


def test_the_factor_is_the_product_of_the_splits_up_to_the_day_per_ticker() -> None:
    bars = pl.concat([series("A", [1.0] * 6), series("B", [1.0] * 2), series("C", [1.0] * 2)])
    factors = with_split_factor(bars, TWO_SPLITS)["split_factor"].to_list()
    assert factors == [1, 1, 2, 2, 10, 10, 1, 0.25, 1, 1]


def test_the_order_of_the_bars_and_other_columns_are_kept() -> None:
    bars = series("A", [1.0, 2.0, 3.0]).reverse().with_columns(note=pl.lit("x"))
    assert with_split_factor(bars, TWO_SPLITS).drop("split_factor").equals(bars)


def test_other_actions_do_not_count_as_splits() -> None:
    actions = TWO_SPLITS.with_columns(kind=pl.lit("dividend"))
    assert with_split_factor(series("A", [1.0] * 6), actions)["split_factor"].unique().to_list() == [1.0]


def test_adjusting_restates_prices_and_volumes_to_the_basis_of_the_day() -> None:
    bars = series("A", [100.0, 100.0, 50.0, 50.0, 10.0])
    result = adjusted(bars, TWO_SPLITS, DAY + timedelta(days=4))
    assert result["close"].to_list() == [10.0] * 5
    assert result["volume"].to_list() == [12000.0, 12000.0, 6000.0, 6000.0, 1200.0]


def test_a_split_after_the_day_is_not_yet_known() -> None:
    bars = series("A", [100.0, 100.0, 50.0, 50.0, 10.0])
    before = adjusted(bars, TWO_SPLITS, DAY + timedelta(days=3))
    assert before.equals(adjusted(bars.head(4), TWO_SPLITS.head(1), DAY + timedelta(days=3)))
    assert before["close"].to_list() == [50.0] * 4


def test_inside_one_regime_values_stay_equal_to_the_last_bit() -> None:
    thirds = splits_of(("A", 0, 1.5), ("A", 1, 4 / 3), ("A", 2, 10.0))
    bars = series("A", [0.1 * at for at in range(1, 9)])
    newest = pl.col("date") >= DAY + timedelta(days=2)
    as_of = adjusted(bars, thirds, DAY + timedelta(days=7))
    assert as_of.filter(newest)["close"].to_list() == bars.filter(newest)["close"].to_list()
    assert to_raw(bars, thirds).filter(newest)["close"].to_list() == bars.filter(newest)["close"].to_list()


@given(
    st.lists(
        st.tuples(st.integers(0, 29), st.sampled_from([2.0, 3.0, 1.5, 0.25, 10.0])),
        max_size=5,
        unique_by=lambda split: split[0],
    )
)
def test_to_raw_undoes_adjusted_and_both_agree_with_a_plain_loop(rows: list[tuple[int, float]]) -> None:
    closes = [10.0 + at for at in range(30)]
    splits = splits_of(*(("A", at, value) for at, value in rows))
    last = DAY + timedelta(days=29)
    result = adjusted(series("A", closes), splits, last)
    for at, close in enumerate(result["close"]):
        assert close == pytest.approx(closes[at] / prod(value for ex, value in rows if ex > at), rel=1e-12)
    back = to_raw(result, splits)
    assert back["close"].to_list() == pytest.approx(closes, rel=1e-12)
    assert back["volume"].to_list() == pytest.approx([1200.0] * 30, rel=1e-12)


def test_real_nvidia_bars_return_to_the_prices_traded_before_the_split_of_2021(shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "daily_with_actions_2020_2023.parquet").filter(pl.col("ticker") == "NVDA")
    splits = frame.filter(pl.col("stock_splits") != 0).select("ticker", ex_date="date", value="stock_splits")
    raw = to_raw(frame, splits)
    close = dict(zip(raw["date"], raw["close"], strict=True))
    # As printed in the press: 751.19 at the close of 2021-07-19, 186.12 the day after, when 4:1 took effect.
    assert close[date(2021, 7, 19)] == pytest.approx(751.19, abs=0.03)
    assert close[date(2021, 7, 20)] == pytest.approx(186.12, abs=0.01)
