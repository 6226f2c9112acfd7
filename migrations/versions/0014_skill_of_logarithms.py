"""Skill over 30 days is of logarithmic errors, as everywhere else, and the view tells them."""

from alembic import op

revision = "0014"
down_revision = "0013"

_ACCURACY_30D = """
CREATE VIEW ldtm_accuracy_30d AS
WITH recent AS (
    SELECT *, abs(run_date_close - next_day_actual) / next_day_actual * 100 AS persistence_abs_pct_error{errors}
    FROM ldtm_daily_snapshots
    WHERE NOT in_sample
      AND run_date > (SELECT max(run_date) FROM ldtm_daily_snapshots WHERE NOT in_sample) - 30
), scored AS (
    SELECT ticker,
           count(next_day_pct_error) AS evaluated_days,
           avg(abs(next_day_pct_error)) AS avg_abs_pct_error,
           avg(abs(next_monday_pct_error)) AS avg_abs_pct_error_weekly,
           count(next_day_direction_correct) AS evaluated_directions,
           count(*) FILTER (WHERE next_day_direction_correct) AS correct_directions,
           max(run_date) AS latest_run_date,
           (array_agg(next_day_close_pred ORDER BY run_date DESC))[1] AS latest_next_day_pred,
           count(*) AS predicted_days,
           count(next_monday_pct_error) AS evaluated_mondays,
           count(next_day_pct_error) FILTER (WHERE is_replay) AS replayed_days,
           avg(persistence_abs_pct_error) FILTER (WHERE next_day_pct_error IS NOT NULL)
               AS persistence_avg_abs_pct_error{means}
    FROM recent
    GROUP BY ticker
)
SELECT ticker, evaluated_days, avg_abs_pct_error, avg_abs_pct_error_weekly,
       100::double precision * correct_directions / nullif(evaluated_directions, 0) AS direction_accuracy_pct,
       latest_run_date, latest_next_day_pred,
       predicted_days, evaluated_directions, correct_directions, evaluated_mondays, persistence_avg_abs_pct_error,
       1 - {own} / nullif({naive}, 0) AS skill_vs_persistence, replayed_days{told}
FROM scored"""

OF_PERCENT = _ACCURACY_30D.format(
    errors="", means="", own="avg_abs_pct_error", naive="persistence_avg_abs_pct_error", told=""
)
OF_LOGARITHMS = _ACCURACY_30D.format(
    errors=""",
           CASE WHEN next_day_close_pred > 0 THEN abs(ln(next_day_close_pred / next_day_actual)) END AS abs_log_error,
           abs(ln(run_date_close / next_day_actual)) AS persistence_abs_log_error""",
    means=""",
           avg(abs_log_error) AS mean_abs_log_error,
           avg(persistence_abs_log_error) FILTER (WHERE abs_log_error IS NOT NULL) AS persistence_mean_abs_log_error""",
    own="mean_abs_log_error",
    naive="persistence_mean_abs_log_error",
    told=", mean_abs_log_error, persistence_mean_abs_log_error",
)


def upgrade() -> None:
    op.execute("DROP VIEW ldtm_accuracy_30d")
    op.execute(OF_LOGARITHMS)


def downgrade() -> None:
    op.execute("DROP VIEW ldtm_accuracy_30d")
    op.execute(OF_PERCENT)
