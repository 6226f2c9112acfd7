"""The evidence behind a score: only what had matured by then, counted as an obvious slow loop counts it."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ldtm_platform.evaluation.confidence import STEPS, direction_probability, estimated_strength
from ldtm_platform.evaluation.confidence_words import confidence_sentence
from ldtm_platform.evaluation.evidence import (
    WINDOW_SESSIONS,
    half_widths,
    log_relative_mae,
    record_of,
    scored,
    too_good,
)
from ldtm_platform.horizons import HORIZONS, targets
from ldtm_platform.sessions import session_offset

LAST = date(2026, 4, 22)
TICKERS = ("AAPL", "AMD", "NVDA")
NOTHING_PROMISED = pl.DataFrame(
    schema={"run_date": pl.Date, "ticker": pl.String, "horizon": pl.String, "half_width": pl.Float64}
)


def snapshots(sessions: int = 560, tickers: tuple[str, ...] = TICKERS, seed: int = 0) -> pl.DataFrame:
    """Forecasts of random walks with a little skill, and the actuals that are known at the last session."""
    random = np.random.default_rng(seed)
    days = [session_offset(LAST, offset) for offset in range(1 - sessions, 1)]
    rows = []
    for ticker in tickers:
        closes = dict(zip(days, 100 * np.exp(np.cumsum(random.normal(0, 0.02, sessions))), strict=True))
        for day in days:
            row = {
                "run_date": day,
                "ticker": ticker,
                "run_date_close": closes[day],
                "is_replay": day < session_offset(LAST, -99),
            }
            for horizon, target in targets(day).items():
                actual = closes.get(target)
                move = math.log(actual / closes[day]) if actual else 0.0
                row[f"{horizon}_actual"] = actual
                row[f"{horizon}_target_date"] = target
                row[f"{horizon}_close_pred"] = closes[day] * math.exp(0.2 * move + random.normal(0, 0.01))
            rows.append(row)
    return pl.DataFrame(rows, schema_overrides={f"{horizon}_actual": pl.Float64 for horizon in HORIZONS})


SNAPSHOTS = snapshots()


def scores(rows: pl.DataFrame, session: date, horizon: str, promised: pl.DataFrame = NOTHING_PROMISED) -> pl.DataFrame:
    return scored(record_of(horizon, rows, promised), session)


def matured(ticker: str, session: date, horizon: str) -> list[dict[str, float]]:
    first = session_offset(session, -WINDOW_SESSIONS)
    return [
        {
            "forecast": math.log(row[f"{horizon}_close_pred"] / row["run_date_close"]),
            "actual": math.log(row[f"{horizon}_actual"] / row["run_date_close"]),
            "replayed": row["is_replay"],
        }
        for row in SNAPSHOTS.filter(pl.col("ticker") == ticker).rows(named=True)
        if first <= row["run_date"] < session and row[f"{horizon}_target_date"] <= session
    ]


@pytest.mark.parametrize("horizon", HORIZONS)
@pytest.mark.parametrize("back", [0, 30])
def test_the_parts_are_those_of_a_slow_loop(horizon: str, back: int) -> None:
    session = session_offset(LAST, -back)
    found = {row["ticker"]: row for row in scores(SNAPSHOTS, session, horizon).rows(named=True)}
    known = {ticker: matured(ticker, session, horizon) for ticker in TICKERS}
    hits = {t: sum((r["forecast"] > 0) == (r["actual"] > 0) for r in rows) for t, rows in known.items()}
    ups = sum(r["actual"] > 0 for rows in known.values() for r in rows)
    total = sum(len(rows) for rows in known.values())
    base = max(ups, total - ups) / total
    steps = STEPS[horizon]
    n = {t: len(rows) for t, rows in known.items()}
    k = estimated_strength(np.array(list(hits.values())) / steps, np.array(list(n.values())) / steps)
    for ticker, rows in known.items():
        row = found[ticker]
        errors = sorted(abs(r["forecast"] - r["actual"]) for r in rows)
        naive = [abs(r["actual"]) for r in rows]
        assert (row["evaluated"], row["directions"], row["hits"]) == (n[ticker], n[ticker], hits[ticker])
        assert row["evidence"] == n[ticker] / steps
        assert row["replayed"] == sum(r["replayed"] for r in rows)
        assert row["base_rate"] == base
        assert row["rel_mae"] == pytest.approx(sum(errors) / sum(naive))
        assert row["half_width"] == pytest.approx(errors[math.ceil(0.8 * (len(errors) + 1)) - 1], rel=1e-12)
        assert row["p_dir"] == pytest.approx(
            float(direction_probability(hits[ticker] / steps, n[ticker] / steps, base, k))
        )
        assert 0 <= row["score"] <= 100


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_score_is_equal_to_the_bit_without_what_came_later(horizon: str) -> None:
    for back in (25, 5, 1):
        session = session_offset(LAST, -back)
        until_then = SNAPSHOTS.filter(pl.col("run_date") <= session).with_columns(
            pl.when(pl.col(f"{h}_target_date") <= session).then(pl.col(f"{h}_actual")).alias(f"{h}_actual")
            for h in HORIZONS
        )
        stranger = snapshots(10, ("AAOI", "ZS")).filter(pl.col("run_date") > session)
        with_future = pl.concat([SNAPSHOTS, stranger])
        assert_frame_equal(
            scores(until_then, session, horizon), scores(with_future, session, horizon), check_exact=True
        )


def test_a_changed_future_close_changes_the_scores_of_its_evening_and_not_before() -> None:
    day = session_offset(LAST, -10)
    changed = SNAPSHOTS.with_columns(
        next_day_actual=pl.when(pl.col("run_date") == day)
        .then(pl.col("next_day_actual") * 1.5)
        .otherwise("next_day_actual")
    )
    assert scores(changed, day, "next_day").equals(scores(SNAPSHOTS, day, "next_day"))
    evening = session_offset(day, 1)
    assert not scores(changed, evening, "next_day").equals(scores(SNAPSHOTS, evening, "next_day"))


def test_evidence_older_than_the_window_does_not_count() -> None:
    row = scores(SNAPSHOTS, LAST, "next_day").row(0, named=True)
    assert row["evaluated"] == WINDOW_SESSIONS


def test_overlapping_months_need_two_years_to_count_as_evidence() -> None:
    early = scores(snapshots(400), LAST, "one_month").row(0, named=True)
    assert (early["evaluated"], early["score"]) == (400 - 21, None)
    late = scores(snapshots(470), LAST, "one_month").row(0, named=True)
    assert late["evidence"] == pytest.approx(449 / 21)
    assert late["score"] is not None


def test_the_first_session_has_no_evidence_and_says_so() -> None:
    row = scores(SNAPSHOTS, SNAPSHOTS["run_date"].min(), "next_day").row(0, named=True)  # type: ignore[arg-type]
    assert (row["score"], row["evaluated"], row["rel_mae"], row["half_width"]) == (None, 0, None, None)
    assert confidence_sentence(row) == ("Not enough evidence for the next day: 0 evaluated forecasts; 21 are needed.")


def test_an_unchanged_close_counts_for_no_direction() -> None:
    flat = SNAPSHOTS.with_columns(
        next_day_actual=pl.when(pl.col("run_date") == session_offset(LAST, -3))
        .then(pl.col("run_date_close"))
        .otherwise("next_day_actual")
    )
    row = scores(flat, LAST, "next_day").row(0, named=True)
    assert row["evaluated"] - row["directions"] == 1


def test_a_ticker_without_a_forecast_of_the_session_has_no_score() -> None:
    absent = SNAPSHOTS.filter((pl.col("ticker") != "AMD") | (pl.col("run_date") < LAST))
    assert scores(absent, LAST, "next_day")["ticker"].to_list() == ["AAPL", "NVDA"]
    assert scores(absent, date(2030, 1, 2), "next_day").is_empty()


def test_coverage_is_how_often_the_promised_half_widths_held() -> None:
    record = record_of("next_day", SNAPSHOTS, NOTHING_PROMISED)
    evenings = [session_offset(LAST, -back) for back in range(300, -1, -1)]
    last = [scored(record, evening) for evening in evenings][-1]
    assert (last["promises"] == 300).all()
    assert last["coverage"].to_list() == pytest.approx([0.8] * 3, abs=0.06)
    # The same from what was stored, scored one evening.
    fresh = record_of("next_day", SNAPSHOTS, NOTHING_PROMISED)
    stored = pl.concat([scored(fresh, evening) for evening in evenings[:-1]])
    again = scores(SNAPSHOTS, LAST, "next_day", stored.select("run_date", "ticker", "horizon", "half_width"))
    assert_frame_equal(again, last, check_exact=True)


def test_half_widths_hold_for_new_errors_as_often_as_they_say() -> None:
    random = np.random.default_rng(3)
    errors = np.abs(random.standard_normal((64, 4_000)))
    widths = half_widths(errors[:63], np.ones((63, 4_000), dtype=bool))
    assert (errors[63] <= widths).mean() == pytest.approx(52 / 64, abs=0.02)
    assert np.isnan(half_widths(errors[:3], np.ones((3, 4_000), dtype=bool))).all()


def test_the_standard_error_of_the_error_ratio_is_that_of_repeated_samples_also_when_targets_overlap() -> None:
    random = np.random.default_rng(4)
    steps, n, samples = 5, 600, 400
    noise = random.standard_normal((2, n + steps, samples))
    # Moving sums over five sessions: neighbours share four of five.
    naive, errors = (
        np.abs(sum(each[lag : lag + n] for lag in range(steps))) for each in (noise[0], noise[0] + 0.3 * noise[1])
    )
    ratio, standard_error = log_relative_mae(errors, naive, np.ones((n, samples), dtype=bool), steps)
    assert float(np.mean(standard_error)) == pytest.approx(float(np.std(ratio)), rel=0.2)
    iid = log_relative_mae(errors, naive, np.ones((n, samples), dtype=bool), 1)[1]
    assert float(np.mean(iid)) < 0.7 * float(np.std(ratio))


@pytest.mark.parametrize(
    ("share", "ratio", "evaluated", "told"),
    [(0.53, 1.0, 300, 0), (0.57, 1.0, 300, 1), (0.53, 0.96, 300, 1), (0.9, 0.5, 250, 0)],
)
def test_a_fleet_that_is_too_good_is_told_and_an_ordinary_or_young_one_is_not(
    share: float, ratio: float, evaluated: int, told: int
) -> None:
    fleet = pl.DataFrame({"ticker": ["AAPL", "AMD"], "horizon": "next_day", "evaluated": evaluated, "rel_mae": ratio})
    found = too_good(fleet.with_columns(directions=evaluated, hits=pl.lit(round(share * evaluated))))
    assert len(found) == told


def test_a_price_that_never_moves_is_scored_and_told_without_a_direction() -> None:
    still = SNAPSHOTS.with_columns(next_day_actual=pl.col("run_date_close"))
    row = scores(still, LAST, "next_day").row(0, named=True)
    assert (row["directions"], row["rel_mae"], row["score"]) == (0, None, 0.0)
    assert "no direction to compare, no error to compare" in confidence_sentence(row)


def test_the_sentence_names_every_part() -> None:
    row = scores(SNAPSHOTS, LAST, "next_monday").row(0, named=True)
    sentence = confidence_sentence(row)
    assert sentence.startswith(
        f"Confidence {row['score']:.0f} of 100 for next Monday, from {row['evaluated']} evaluated"
    )
    for part in (
        "count as 100",
        f"right in {row['hits']} of {row['directions']}",
        "95 % interval",
        f"{row['rel_mae']:.3f} times",
    ):
        assert part in sentence
