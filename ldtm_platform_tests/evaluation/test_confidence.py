"""The confidence score: its published percentiles, its shrinkage, and what luck alone can reach."""

import math

import numpy as np
import pytest

from ldtm_platform.evaluation.confidence import (
    MIN_EVIDENCE,
    PRIOR_STRENGTH,
    Floats,
    confidence_score,
    direction_probability,
    error_probability,
    estimated_strength,
    shrunk_hit_rate,
    strength_of_move,
    wilson_interval,
)

DAYS = (21, 63, 126, 252, 504)
TICKERS = 20_000
BASE_RATE = 0.52
# The error ratio's standard error after n days, and moves up to half the usual error: small nets on daily closes.
ERROR_SD_OF_ONE_DAY = 0.115
LARGEST_STRENGTH = 0.5


def simulated_scores(days: int, *, hit_rate: float, relative_mae: float) -> Floats:
    """The scores of many independent tickers of one true skill after so many evaluated days."""
    random = np.random.default_rng(days)
    hits = random.binomial(days, hit_rate, TICKERS)
    standard_error = ERROR_SD_OF_ONE_DAY / math.sqrt(days)
    log_ratio = random.normal(math.log(relative_mae), standard_error, TICKERS)
    return confidence_score(
        direction_probability(hits, days, BASE_RATE),
        error_probability(log_ratio, standard_error),
        random.uniform(0, LARGEST_STRENGTH, TICKERS),
        days,
    )


@pytest.mark.parametrize(("days", "bound"), list(zip(DAYS, (2, 8, 12, 17, 21), strict=True)))
def test_a_ticker_without_skill_scores_zero_and_luck_reaches_no_further_than_published(days: int, bound: int) -> None:
    scores = simulated_scores(days, hit_rate=BASE_RATE, relative_mae=1.0)
    assert np.median(scores) == 0
    assert np.percentile(scores, 95) == pytest.approx(bound, abs=1.0)


@pytest.mark.parametrize(("days", "median"), list(zip(DAYS, (0, 6, 14, 22, 39), strict=True)))
def test_true_skill_shows_slowly(days: int, median: int) -> None:
    scores = simulated_scores(days, hit_rate=0.56, relative_mae=0.98)
    assert np.median(scores) == pytest.approx(median, abs=1.0)


def test_below_the_least_evidence_there_is_no_score_however_good_the_record() -> None:
    scores = confidence_score(1.0, 1.0, 1.0, [0, MIN_EVIDENCE - 0.1, MIN_EVIDENCE, 504, 1e9])
    assert np.isnan(scores[:2]).all()
    assert scores[2:] == pytest.approx([100 * 21 / 84, 100 * 504 / 567, 100], abs=1e-4)


def test_the_parts_weigh_as_defined() -> None:
    assert confidence_score(1.0, 0.0, 1.0, 63) == pytest.approx(0.5 * 60)
    assert confidence_score(0.0, 1.0, 1.0, 63) == pytest.approx(0.5 * 40)
    assert confidence_score(1.0, 1.0, 0.0, 63) == pytest.approx(0.5 * 50)
    assert confidence_score(0.75, 0.75, 1.0, 504) == 0
    assert confidence_score(0.875, 0.5, 1.0, 63) == pytest.approx(0.5 * 30)


def test_the_error_part_is_the_shrunk_normal_of_its_definition() -> None:
    log_ratio, standard_error = math.log(0.97), 0.015
    weight = 0.02**2 / (0.02**2 + standard_error**2)
    z = -weight * log_ratio / math.sqrt((1 - weight) * 0.02**2)
    assert error_probability(log_ratio, standard_error) == pytest.approx(0.5 * (1 + math.erf(z / math.sqrt(2))))


def test_an_error_ratio_that_is_undefined_or_exactly_persistences_says_nothing() -> None:
    assert error_probability([math.nan, 0.0], [math.nan, 0.0]).tolist() == [0.5, 0.5]
    assert error_probability([-0.1, 0.1], [0.0, 0.0]).tolist() == [1.0, 0.0]


def test_the_direction_part_is_the_posterior_beyond_the_base_rate() -> None:
    random = np.random.default_rng(0)
    k, base, hits, n = PRIOR_STRENGTH, 0.53, 160, 252
    posterior = random.beta(k * base + hits, k * (1 - base) + n - hits, 400_000)
    assert direction_probability(hits, n, base) == pytest.approx(float((posterior > base).mean()), abs=0.003)


def test_wilsons_interval_agrees_with_the_textbook_and_stays_within_zero_and_one() -> None:
    low, high = wilson_interval([8, 0, 10, 0], [10, 10, 10, 0])
    assert low[:3] == pytest.approx([0.490, 0.0, 0.722], abs=5e-4)
    assert high[:3] == pytest.approx([0.943, 0.278, 1.0], abs=5e-4)
    assert np.isnan([low[3], high[3]]).all()


def test_a_lucky_month_hardly_moves_the_shrunk_rate_and_years_do() -> None:
    month, years = shrunk_hit_rate([16, 1600], [21, 2100], 0.52)
    assert month == pytest.approx(0.528, abs=5e-4)
    assert years == pytest.approx(0.708, abs=5e-4)


def test_the_strength_of_a_move_is_capped_and_zero_without_an_interval() -> None:
    found = strength_of_move([0.01, -0.05, 0.01, 0.01], [0.02, 0.02, math.nan, 0.0])
    assert found.tolist() == [0.5, 1.0, 0.0, 1.0]


def test_the_cross_section_tells_equal_tickers_from_tickers_that_differ() -> None:
    random = np.random.default_rng(1)
    n = np.full(103, 252.0)
    equal = random.binomial(252, 0.52, 103).astype(float)
    differing = random.binomial(252, random.beta(0.52 * 200, 0.48 * 200, 103)).astype(float)
    assert estimated_strength(equal, n) > PRIOR_STRENGTH
    assert estimated_strength(differing, n) == pytest.approx(200, rel=0.5)
    assert estimated_strength(equal[:1], n[:1]) == PRIOR_STRENGTH
    assert estimated_strength(n, n) == PRIOR_STRENGTH
