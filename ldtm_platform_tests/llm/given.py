"""Results as tools give them, made by hand: for tests that need data without a database."""

from datetime import UTC, date, datetime

from ldtm_platform.llm import shapes

SESSION = date(2026, 4, 22)


def prediction(ticker: str, rank: int, close: float, closes: tuple[float, float, float]) -> shapes.PredictionRow:
    """A forecast row; closes: next day, next Monday, one month."""
    next_day, monday, month = closes
    return shapes.PredictionRow(
        ticker=ticker,
        run_date=SESSION,
        rank=rank,
        run_date_close=close,
        next_day_close_pred=next_day,
        next_monday_close_pred=monday,
        one_month_close_pred=month,
        next_day_change_pct=(next_day / close - 1) * 100,
        next_monday_change_pct=(monday / close - 1) * 100,
        one_month_change_pct=(month / close - 1) * 100,
        implied_1m_return_pct=round((month / next_day - 1) * 100, 2),
        bucket="bullish" if month > next_day else "bearish",
        next_day_target_date=date(2026, 4, 23),
        next_monday_target_date=date(2026, 4, 27),
        one_month_target_date=date(2026, 5, 21),
        model_version="ldtm-20260401-3fa2",
        in_sample=False,
        is_replay=False,
        is_simulated=False,
    )


PREDICTIONS = shapes.Predictions(
    source="ldtm_signals",
    as_of=SESSION,
    total=2,
    bullish=1,
    neutral=0,
    bearish=1,
    rows=(
        prediction("AMD", 1, 280.0, (282.22, 281.5, 315.0)),
        prediction("ODFL", 2, 1234.5, (220.74, 219.0, 174.35)),
    ),
)
ACCURACY = shapes.Accuracy(
    source="ldtm_accuracy_30d",
    as_of=SESSION,
    total=1,
    fleet=(
        shapes.SkillRow(
            horizon="next_day",
            n=4080,
            evaluated_sessions=40,
            mean_abs_log_error_pct=3.06,
            persistence_mean_abs_log_error_pct=1.46,
            ratio_to_persistence=2.09,
            skill=-1.09,
            skill_low=-1.21,
            skill_high=-0.98,
            verdict="No skill: worse than tomorrow-is-today by 109.0 %, 95 % -121 to -98 % (n = 4,080 on 40 sessions)",
            first_run_date=date(2026, 1, 5),
            last_run_date=SESSION,
        ),
    ),
    rows=(
        shapes.AccuracyRow(
            ticker="AMD",
            latest_run_date=SESSION,
            evaluated_days=20,
            replayed_days=0,
            evaluated_directions=19,
            correct_directions=12,
            direction_accuracy_pct=63.157894,
            avg_abs_pct_error=1.4733,
            persistence_avg_abs_pct_error=1.5,
            avg_abs_pct_error_weekly=2.5,
            skill_vs_persistence=0.0178,
            is_simulated=False,
        ),
    ),
)
HEADLINES = shapes.Headlines(
    source="news_headlines",
    as_of=SESSION,
    total=1,
    rows=(
        shapes.HeadlineRow(
            ticker="AMD",
            published_at=datetime(2026, 4, 21, 14, 30, tzinfo=UTC),
            title="AMD to spend $7.5 billion; analyst sees 999.99 by May",
            publisher="Wire",
            url="https://news.example/amd/7.5-billion?id=31337",
            is_simulated=False,
        ),
    ),
)
GIVEN = (PREDICTIONS, ACCURACY, HEADLINES)
