"""Inference of splits from price ratios: real split patterns are found, and nothing else is."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldtm_platform.prices.rewritten import InferredSplit, inferred_splits

FIRST = date(2024, 1, 2)


def day(at: int) -> date:
    return FIRST + timedelta(days=at)


def overlap(stored: list[float], ratios: list[float], *, scale: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "date": [day(at) for at in range(len(stored))],
            "stored": stored,
            "incoming": [
                max(round(close / ratio / scale, 2), 0.01) * scale for close, ratio in zip(stored, ratios, strict=True)
            ],
            "scale": [scale] * len(stored),
        }
    )


def wandering(rows: int, price: float = 300.0) -> list[float]:
    steps = np.random.default_rng(1).normal(0, 0.02, rows)
    return [round(float(close), 2) for close in price * np.exp(np.cumsum(steps))]


@pytest.mark.parametrize("value", [2.0, 3.0, 10.0, 15.0, 20.0, 50.0, 1.5, 1.25, 0.25, 0.1, 1 / 3])
def test_a_constant_ratio_is_a_split_after_the_last_common_row(value: float) -> None:
    assert inferred_splits(overlap(wandering(10), [value] * 10)) == [InferredSplit(None, value)]


def test_a_ratio_that_steps_is_a_split_on_the_first_row_of_the_new_ratio() -> None:
    assert inferred_splits(overlap(wandering(10), [4.0] * 9 + [1.0])) == [InferredSplit(day(9), 4.0)]


def test_several_splits_show_as_several_steps() -> None:
    ratios = [30.0] * 5 + [10.0] * 5 + [1.0] * 5
    assert inferred_splits(overlap(wandering(15, 5000), ratios)) == [
        InferredSplit(day(5), 3.0),
        InferredSplit(day(10), 10.0),
    ]
    assert inferred_splits(overlap(wandering(10, 5000), [40.0] * 5 + [10.0] * 5)) == [
        InferredSplit(day(5), 4.0),
        InferredSplit(None, 10.0),
    ]


def test_rows_equal_within_rounding_are_no_split() -> None:
    assert inferred_splits(overlap(wandering(50), [1.0] * 50, scale=40.0)) == []


def test_odd_rows_beside_a_split_do_not_hide_it() -> None:
    ratios = [10.0] * 100
    ratios[17], ratios[60] = 10.4, 1.0
    assert inferred_splits(overlap(wandering(100), ratios)) == [InferredSplit(None, 10.0)]


@pytest.mark.parametrize(
    "ratios",
    [
        [1.0] * 9 + [0.01],  # a hundredfold error in the newest row
        [1.0] * 4 + [2.0] + [1.0] * 5,  # one wrong row
        [1.0] * 5 + [2.0] * 5,  # newer rows halved, older ones not: no split does that
        [1.02] * 10,  # a special dividend taken off
        [1.0] * 4 + [2.0] * 4 + [1.0] * 4,
        [1.37] * 10,
        [4.0] * 2,  # too few rows to tell
    ],
)
def test_what_is_not_the_pattern_of_a_split_is_none(ratios: list[float]) -> None:
    assert inferred_splits(overlap(wandering(len(ratios)), ratios)) == []


def test_rows_too_coarse_to_tell_are_left_aside() -> None:
    pennies = [0.05, 0.06, 0.05, 0.04, *wandering(10)]
    assert inferred_splits(overlap(pennies, [10.0] * 14)) == [InferredSplit(None, 10.0)]
    assert inferred_splits(overlap(pennies[:4], [1.0] * 4)) == []


def test_no_common_row_is_no_split() -> None:
    assert inferred_splits(overlap([], [])) == []


@given(st.lists(st.floats(0.5, 2.0), min_size=8, max_size=20))
def test_ratios_that_wander_are_never_a_split(ratios: list[float]) -> None:
    found = inferred_splits(overlap(wandering(len(ratios)), ratios))
    assert not found or len(set(ratios)) < len(ratios)
