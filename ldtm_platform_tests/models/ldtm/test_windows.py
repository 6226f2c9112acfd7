"""Windows are views, scaled as specified, and their labels are the closes of exactly the target sessions."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.horizons import HORIZONS, targets
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.examples import parts_of, windows_of
from ldtm_platform.models.ldtm.labels import label_rows
from ldtm_platform.models.ldtm.windows import Scale
from ldtm_platform_tests.models.generated import SESSIONS, history_of, random_bars, random_history, split_bars

HISTORY = random_history(rows=320)


def test_windows_share_the_memory_of_the_rows() -> None:
    windows = windows_of(HISTORY, 30)
    assert len(windows) == 320 - 29
    assert windows.view.untyped_storage().data_ptr() == windows.values.untyped_storage().data_ptr()


def test_each_feature_of_a_window_is_scaled_by_its_own_range() -> None:
    rows = HISTORY.frame.select(FEATURES).to_numpy()
    for number in (0, 7, 290):
        window = rows[number : number + 30]
        low, high = window.min(axis=0), window.max(axis=0)
        expected = ((window - low) / (high - low + 1e-8)).astype(np.float32)
        found = windows_of(HISTORY, 30).inputs(torch.tensor([number]))
        assert found.shape == (1, 30, 11)
        assert found.dtype == torch.float32
        np.testing.assert_array_equal(found[0].numpy(), expected)


@given(
    st.floats(0.01, 1e6),
    st.floats(0, 1e6),
    st.lists(st.floats(0.01, 1e6), min_size=3, max_size=3),
)
def test_scaling_and_its_inverse_round_trip(low: float, span: float, closes: list[float]) -> None:
    scale = Scale(low=torch.tensor([[low]]).double(), high=torch.tensor([[low + span]]).double())
    there = torch.tensor([closes], dtype=torch.float64)
    back = scale.closes(scale.scaled(there))
    torch.testing.assert_close(back, there, rtol=1e-9, atol=1e-9)


def test_a_flat_window_is_scaled_to_zero_and_its_labels_are_left_out() -> None:
    flat = HISTORY.frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 60).then(50.0).otherwise(pl.col("close")).alias("close")
    )
    history = History("FLAT", flat)
    inputs = windows_of(history, 30).inputs(torch.tensor([0]))
    assert torch.isfinite(inputs).all()
    assert (inputs[0, :, FEATURES.index("close")] == 0).all()
    assert parts_of(history, 30).train.batch(torch.tensor([0])).targets.abs().max() < 1e4
    assert len(parts_of(HISTORY, 30).train) - len(parts_of(history, 30).train) > 0


def test_a_label_is_the_close_on_exactly_the_target_session() -> None:
    labels = label_rows(HISTORY)
    close_on = dict(HISTORY.frame.select("date", "close").iter_rows())
    for row, day in enumerate(HISTORY.frame["date"]):
        for column, horizon in enumerate(HORIZONS):
            expected = close_on.get(targets(day)[horizon], np.nan)
            np.testing.assert_equal(labels.closes[row, column], expected)


def test_a_target_session_without_a_bar_leaves_that_label_out_and_no_other() -> None:
    halted = HISTORY.frame["date"][100]
    history = History("HALT", HISTORY.frame.filter(pl.col("date") != halted))
    labels = label_rows(history)
    before = label_rows(HISTORY)
    assert np.isnan(labels.closes[99, 0])
    assert np.isfinite(labels.closes[99, 2])
    assert np.isfinite(before.closes[99, 0])
    np.testing.assert_array_equal(labels.closes[:70, :], before.closes[:70, :])


def test_the_newest_windows_still_train_the_horizons_that_have_matured() -> None:
    labels = label_rows(HISTORY)
    matured = np.isfinite(labels.closes)
    assert matured[:, 0].sum() == 320 - 1
    assert matured[:, 2].sum() == 320 - 21
    test = parts_of(HISTORY, 30).test
    used = test.batch(torch.arange(len(test))).used
    assert used[-1].tolist()[0] is True
    assert used[-1].tolist()[2] is False


def test_unused_targets_are_zero_and_masked() -> None:
    test = parts_of(HISTORY, 30).test
    batch = test.batch(torch.arange(len(test)))
    assert torch.isfinite(batch.targets).all()
    assert (batch.targets[~batch.used] == 0).all()


def test_persistence_beside_an_example_is_the_scaled_last_close() -> None:
    train = parts_of(HISTORY, 30).train
    reference = train.reference()
    closes = HISTORY.frame["close"].to_numpy()
    low, high = closes[:30].min(), closes[:30].max()
    assert reference.persistence[0, 0] == (closes[29] - low) / (high - low + 1e-8)
    assert reference.unit[0, 0] == (high - low + 1e-8) / closes[29]


@pytest.mark.parametrize("last", [130, 249, 250, 251, 300])
def test_windows_and_labels_are_bit_equal_when_later_rows_and_splits_are_removed(last: int) -> None:
    bars, splits = split_bars(random_bars("WALK", 400), SESSIONS[250], 10.0)
    day = SESSIONS[last]
    full = history_of(bars, splits, through=day)
    short = history_of(bars.filter(pl.col("date") <= day), splits.filter(pl.col("ex_date") <= day))
    numbers = torch.arange(len(windows_of(short, 30)))
    assert torch.equal(windows_of(short, 30).inputs(numbers), windows_of(full, 30).inputs(numbers))
    np.testing.assert_array_equal(label_rows(short).closes, label_rows(full).closes)
    assert short.data_hash() == full.data_hash()


def test_a_label_across_a_split_is_in_the_basis_of_its_window() -> None:
    plain = random_bars("WALK", 400)
    bars, splits = split_bars(plain, SESSIONS[250], 10.0)
    numbers = torch.arange(200)
    found, expected = (
        parts_of(history, 30).train.batch(numbers) for history in (history_of(bars, splits), history_of(plain))
    )
    torch.testing.assert_close(found.targets, expected.targets, rtol=1e-4, atol=1e-5)
