"""Losses and skill over the labels that count."""

import math

import numpy as np
import pytest

from ldtm_platform.evaluation.skill import masked_mse, relative_mae, skill, total_loss


def test_a_horizon_is_averaged_over_its_own_labels_only() -> None:
    predicted = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    actual = np.array([[0.0, 4.0], [0.0, math.nan], [math.nan, 2.0]])
    used = np.isfinite(actual)
    assert masked_mse(predicted, actual, used).tolist() == [2.5, 5.0]


def test_a_horizon_without_labels_has_no_loss_and_the_total_is_of_the_others() -> None:
    losses = masked_mse(np.ones((2, 2)), np.zeros((2, 2)), np.array([[True, False], [True, False]]))
    assert losses[0] == 1.0
    assert math.isnan(losses[1])
    assert total_loss(losses) == 1.0
    assert math.isnan(total_loss(np.array([math.nan, math.nan])))


@pytest.mark.parametrize(("loss", "persistence", "expected"), [(0.5, 1.0, 0.5), (1.0, 1.0, 0.0), (2.0, 1.0, -1.0)])
def test_skill_is_positive_only_for_a_model_that_beats_persistence(
    loss: float, persistence: float, expected: float
) -> None:
    assert skill(loss, persistence) == expected


def test_skill_is_undefined_where_persistence_has_no_error_or_no_label() -> None:
    assert skill(0.5, 0.0) is None
    assert skill(math.nan, 1.0) is None
    assert skill(0.5, math.nan) is None


def test_relative_error_is_a_ratio_of_mean_absolute_errors() -> None:
    error, reference = np.array([[0.02], [-0.04]]), np.array([[0.01], [-0.01]])
    assert relative_mae(error, reference, np.ones((2, 1), dtype=bool)).tolist() == pytest.approx([3.0])
