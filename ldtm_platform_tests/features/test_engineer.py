"""Engineered features: right against a plain loop, untouched by splits, and blind to what comes later."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from ldtm_platform.features.engineer import WARMUP_SESSIONS, engineer, restate
from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform_tests.models.generated import NO_SPLITS, SESSIONS, random_bars, split_bars

SPLIT_DAY = SESSIONS[200]


def slow_rsi(close: NDArray[np.float64]) -> NDArray[np.float64]:
    change = np.diff(close, prepend=close[0])
    gains, losses = np.clip(change, 0, None), np.clip(-change, 0, None)
    gain, loss = gains[1:15].mean(), losses[1:15].mean()
    values = np.full(close.size, np.nan)
    for day in range(14, close.size):
        if day > 14:
            gain, loss = (gain * 13 + gains[day]) / 14, (loss * 13 + losses[day]) / 14
        values[day] = 100 - 100 / (1 + gain / (loss + 1e-12))
    return values


def assert_same_bits(left: pl.DataFrame, right: pl.DataFrame) -> None:
    assert left.equals(right)


def real_bars(shared_data: Path, ticker: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    frame = pl.read_parquet(shared_data / "daily_with_actions_2020_2023.parquet").filter(ticker=ticker)
    splits = frame.filter(pl.col("stock_splits") > 0).select("ticker", ex_date="date", value="stock_splits")
    unsplit = frame.select("ticker", "date", "open", "high", "low", "close", "volume")
    bars = unsplit
    for split in splits.rows(named=True):
        before = pl.col("date") < split["ex_date"]
        bars = bars.with_columns(
            pl.when(before).then(pl.col(name) * split["value"]).otherwise(pl.col(name))
            for name in ("open", "high", "low", "close")
        )
    return bars, splits


def test_the_eleven_features_come_in_the_specified_order() -> None:
    assert FEATURES == ("open", "high", "low", "close", "volume", "ret1", "ret5", "rsi14", "ma5", "ma10", "ma20")


def test_every_feature_agrees_with_a_plain_loop() -> None:
    bars = random_bars("WALK", 200)
    rows = engineer(bars, NO_SPLITS)
    close = bars["close"].to_numpy()
    days = range(WARMUP_SESSIONS, 200)
    assert rows["date"].to_list() == SESSIONS[WARMUP_SESSIONS:200]
    np.testing.assert_allclose(rows["ret1"], [np.log(close[d] / close[d - 1]) for d in days], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(rows["ret5"], [np.log(close[d] / close[d - 5]) for d in days], rtol=1e-12, atol=1e-15)
    for length in (5, 10, 20):
        means = [close[d - length + 1 : d + 1].mean() for d in days]
        np.testing.assert_allclose(rows[f"ma{length}"], means, rtol=1e-12)
    np.testing.assert_allclose(rows["rsi14"], slow_rsi(close)[WARMUP_SESSIONS:], rtol=1e-12)


def test_traded_prices_and_volumes_keep_every_bit() -> None:
    bars, splits = split_bars(random_bars("WALK", 300), SPLIT_DAY, 3.0)
    rows = engineer(bars, splits)
    for name in ("open", "high", "low", "close", "volume"):
        assert rows[name].to_list() == bars[name].cast(pl.Float64).to_list()[WARMUP_SESSIONS:]


def test_tickers_do_not_touch_each_other_and_the_order_of_bars_does_not_matter() -> None:
    one, two = random_bars("AAA", 150), random_bars("BBB", 170)
    together = engineer(pl.concat([two, one]).sample(fraction=1.0, shuffle=True, seed=1), NO_SPLITS)
    assert_same_bits(together.filter(ticker="AAA"), engineer(one, NO_SPLITS))
    assert_same_bits(together.filter(ticker="BBB"), engineer(two, NO_SPLITS))


def test_fewer_bars_than_the_warm_up_give_no_row() -> None:
    rows = engineer(random_bars("NEW", WARMUP_SESSIONS), NO_SPLITS)
    assert rows.height == 0
    assert rows.columns == ["ticker", "date", *FEATURES, "split_factor"]


@pytest.mark.parametrize("value", [10.0, 3.0, 0.25])
def test_a_split_makes_no_step_once_rows_are_restated(value: float) -> None:
    plain = random_bars("WALK", 300)
    bars, splits = split_bars(plain, SPLIT_DAY, value)
    found = restate(engineer(bars, splits))
    expected = restate(engineer(plain, NO_SPLITS))
    for name in ("open", "high", "low", "close", "ma5", "ma10", "ma20"):
        np.testing.assert_allclose(found[name], expected[name] / value, rtol=1e-12)
    for name in ("ret1", "ret5", "rsi14"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found["volume"], expected["volume"] * value, rtol=1e-5)


def test_a_row_is_in_the_basis_of_its_own_day() -> None:
    bars, splits = split_bars(random_bars("WALK", 300), SPLIT_DAY, 4.0)
    rows = engineer(bars, splits)
    on_the_day = rows.filter(pl.col("date") == SPLIT_DAY).row(0, named=True)
    assert on_the_day["split_factor"] == 4.0
    assert 0.5 < on_the_day["ma20"] / on_the_day["close"] < 2
    assert abs(on_the_day["ret1"]) < 0.2


def test_restating_changes_no_bit_without_a_split_between() -> None:
    bars, splits = split_bars(random_bars("WALK", 300), SPLIT_DAY, 3.0)
    rows = engineer(bars, splits)
    restated = restate(rows)
    after = pl.col("date") >= SPLIT_DAY
    assert_same_bits(restated.filter(after), rows.filter(after).drop("split_factor"))


@pytest.mark.parametrize("last", [150, 199, 200, 201, 250])
def test_rows_are_bit_equal_when_later_bars_and_splits_are_removed(last: int) -> None:
    bars, splits = split_bars(random_bars("WALK", 300), SPLIT_DAY, 10.0)
    full = engineer(bars, splits)
    day = SESSIONS[last]
    truncated = engineer(bars.filter(pl.col("date") <= day), splits.filter(pl.col("ex_date") <= day))
    assert_same_bits(truncated, full.filter(pl.col("date") <= day))


@pytest.mark.parametrize("ticker", ["AAPL", "NVDA"])
@pytest.mark.parametrize(
    "day", [date(2020, 8, 28), date(2020, 8, 31), date(2021, 7, 19), date(2021, 7, 20), date(2022, 5, 4)]
)
def test_real_rows_around_real_splits_are_bit_equal_under_truncation(shared_data: Path, ticker: str, day: date) -> None:
    bars, splits = real_bars(shared_data, ticker)
    full = engineer(bars, splits)
    truncated = engineer(bars.filter(pl.col("date") <= day), splits.filter(pl.col("ex_date") <= day))
    assert truncated.height > 0
    assert_same_bits(truncated, full.filter(pl.col("date") <= day))
    assert full["ret1"].abs().max() < 0.3  # type: ignore[operator]
