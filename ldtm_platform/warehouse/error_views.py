"""What skill and accuracy are read from: the errors of forecasts beside persistence's, and the last 30 days of them."""

from ldtm_platform.warehouse.definition import Definition, view

# What skill is made of. A forecast at or below 0 has no logarithm, and left out it would flatter its model: like any
# below a hundredth of the close it was made from, it counts as that hundredth, an error that nobody overlooks.
LOG_ERROR = Definition(
    """
CREATE FUNCTION ldtm_log_error(forecast double precision, made_from double precision, actual double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT abs(ln(CASE WHEN forecast < 0.01 * made_from THEN 0.01 * made_from ELSE forecast END / actual))
$$""",
    "DROP FUNCTION ldtm_log_error(double precision, double precision, double precision)",
)

# Persistence forecasts the run date's close, so its error stands beside each model's on the very same rows. What was
# forecast under a former name of a ticker counts under its present one, where its bars are.
PREDICTION_ERRORS = view(
    "ldtm_prediction_errors",
    """
SELECT p.id, p.run_date, named.ticker, p.family, p.model_version, p.horizon, p.target_date,
       p.run_date_close, p.predicted_close, a.actual_close,
       (p.predicted_close - a.actual_close) / a.actual_close * 100 AS pct_error,
       (p.run_date_close - a.actual_close) / a.actual_close * 100 AS persistence_pct_error,
       ldtm_log_error(p.predicted_close, p.run_date_close, a.actual_close) AS abs_log_error,
       ldtm_log_error(p.run_date_close, p.run_date_close, a.actual_close) AS persistence_abs_log_error,
       p.trained_through, p.generated_at, p.in_sample, p.is_late, p.is_replay
FROM ldtm_predictions p
LEFT JOIN ticker_aliases alias ON alias.old_ticker = p.ticker AND p.run_date < alias.changed_on
CROSS JOIN LATERAL (SELECT coalesce(alias.current_ticker, p.ticker) AS ticker) named
JOIN market_data_daily bar ON bar.ticker = named.ticker AND bar.date = p.target_date
LEFT JOIN market_data_split_regimes own
    ON own.ticker = named.ticker AND p.target_date >= own.from_date AND p.target_date < own.until_date
LEFT JOIN market_data_split_regimes basis
    ON basis.ticker = named.ticker AND p.price_basis >= basis.from_date AND p.price_basis < basis.until_date
LEFT JOIN market_data_daily origin ON origin.ticker = named.ticker AND origin.date = p.run_date
CROSS JOIN LATERAL (
    SELECT bar.close * (coalesce(own.split_factor, 1) / coalesce(basis.split_factor, 1))
        * ldtm_basis_change(p.run_date_close, origin.close) AS actual_close
) a""",
)

# The second bound excludes nothing: with one bound alone the planner reads all snapshots (50 ms), not the index (4 ms).
ERRORS_30D = view(
    "ldtm_errors_30d",
    """
SELECT run_date, ticker, is_replay, next_day_close_pred, next_day_pct_error, next_monday_pct_error,
       next_day_direction_actual, next_day_direction_correct,
       abs(run_date_close - next_day_actual) / next_day_actual * 100 AS persistence_abs_pct_error,
       CASE WHEN run_date_close IS NOT NULL
            THEN ldtm_log_error(next_day_close_pred, run_date_close, next_day_actual) END AS abs_log_error,
       CASE WHEN next_day_close_pred IS NOT NULL
            THEN ldtm_log_error(run_date_close, run_date_close, next_day_actual) END AS persistence_abs_log_error
FROM ldtm_daily_snapshots
WHERE NOT in_sample
  AND run_date > (SELECT max(run_date) FROM ldtm_daily_snapshots WHERE NOT in_sample) - 30
  AND run_date <= (SELECT max(run_date) FROM ldtm_daily_snapshots)""",
)

# rel_mae_log_se: of ln(error / persistence's), by the delta method; next days do not overlap.
ACCURACY_30D = view(
    "ldtm_accuracy_30d",
    """
WITH scored AS (
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
               AS persistence_avg_abs_pct_error,
           count(abs_log_error) AS compared,
           avg(abs_log_error) AS mean_abs_log_error,
           avg(persistence_abs_log_error) AS persistence_mean_abs_log_error,
           avg(abs_log_error ^ 2) AS own_square,
           avg(abs_log_error * persistence_abs_log_error) AS product,
           avg(persistence_abs_log_error ^ 2) AS persistence_square
    FROM ldtm_errors_30d
    GROUP BY ticker
)
SELECT ticker, evaluated_days, avg_abs_pct_error, avg_abs_pct_error_weekly,
       100::double precision * correct_directions / nullif(evaluated_directions, 0) AS direction_accuracy_pct,
       latest_run_date, latest_next_day_pred,
       predicted_days, evaluated_directions, correct_directions, evaluated_mondays, persistence_avg_abs_pct_error,
       1 - rel_mae AS skill_vs_persistence, replayed_days,
       mean_abs_log_error, persistence_mean_abs_log_error, rel_mae,
       sqrt(greatest(own_square / nullif(mean_abs_log_error, 0) ^ 2
                     - 2 * product / nullif(mean_abs_log_error * persistence_mean_abs_log_error, 0)
                     + persistence_square / nullif(persistence_mean_abs_log_error, 0) ^ 2, 0) / nullif(compared, 0))
           AS rel_mae_log_se
FROM scored
CROSS JOIN LATERAL (SELECT mean_abs_log_error / nullif(persistence_mean_abs_log_error, 0) AS rel_mae) ratio""",
)
