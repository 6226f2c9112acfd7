"""The purged split: no label interval of one part reaches into the next."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldtm_platform.evaluation.splits import Days, Flags, purged_split
from ldtm_platform.horizons import HORIZONS, targets_frame

Windows = tuple[Days, Days, Flags]


@st.composite
def windows(draw: st.DrawFn) -> Windows:
    """Windows on irregular days, with labels of any length ahead, any of which may be missing."""
    count = draw(st.integers(0, 120))
    ends = np.cumsum(draw(st.lists(st.integers(1, 5), min_size=count, max_size=count)), dtype=np.int64)
    ahead = draw(st.lists(st.tuples(*[st.integers(1, 60)] * 3), min_size=count, max_size=count))
    matured = draw(st.lists(st.tuples(*[st.booleans()] * 3), min_size=count, max_size=count))
    label_ends = ends[:, None] + np.array(ahead, dtype=np.int64).reshape(count, 3)
    return ends, label_ends, np.array(matured, dtype=bool).reshape(count, 3)


@given(windows())
def test_every_used_label_ends_before_the_first_window_of_every_later_part(case: Windows) -> None:
    ends, label_ends, matured = case
    split = purged_split(ends, label_ends, matured)
    parts = [split.train, split.validation, split.test]
    for number, part in enumerate(parts):
        for later in parts[number + 1 :]:
            if later.rows.size:
                assert (label_ends[part.rows][part.used] < ends[later.rows].min()).all()


@given(windows())
def test_parts_are_in_time_order_disjoint_and_use_only_labels_that_exist(case: Windows) -> None:
    ends, label_ends, matured = case
    split = purged_split(ends, label_ends, matured)
    together = np.concatenate([split.train.rows, split.validation.rows, split.test.rows])
    assert (np.diff(together) > 0).all()
    for part in (split.train, split.validation, split.test):
        assert part.used.any(axis=1).all()
        assert not (part.used & ~matured[part.rows]).any()


def real_windows(count: int) -> Windows:
    frame = targets_frame(date(2020, 1, 2), date(2026, 1, 1)).head(count)
    ends = frame["date"].to_physical().to_numpy().astype(np.int64)
    label_ends = frame.select(HORIZONS).to_numpy().astype("datetime64[D]").astype(np.int64)
    return ends, label_ends, label_ends <= ends[-1]


def test_parts_are_70_15_15_and_the_edges_still_train_the_short_horizon() -> None:
    ends, label_ends, matured = real_windows(1001)
    split = purged_split(ends, label_ends, matured)
    # The newest window has no label yet, and the last of each part has none that ends before the next part.
    assert [part.rows.size for part in (split.train, split.validation, split.test)] == [699, 149, 150]
    assert split.train.used.sum(axis=0).tolist()[0] == 699
    assert split.train.used.sum(axis=0).tolist()[2] == 700 - 21
    assert split.test.used.sum(axis=0).tolist()[2] == 150 - 20


def test_windows_out_of_order_are_refused() -> None:
    day = (date(2024, 1, 2) - date(1970, 1, 1)) // timedelta(days=1)
    ends = np.array([day, day], dtype=np.int64)
    with pytest.raises(ValueError, match="ascending"):
        purged_split(ends, ends[:, None] + 1, np.ones((2, 1), dtype=bool))
