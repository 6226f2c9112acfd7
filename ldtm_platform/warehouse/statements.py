"""The SQL of what writes.py changes, where it is more than a line or two; all parameters are named."""

COUNT_FEATURES = "SELECT count(*) FROM engineered_features WHERE ticker = :ticker"

DELETE_OTHER_FEATURES = """
DELETE FROM engineered_features stored
WHERE ticker = :ticker
  AND NOT EXISTS (SELECT 1 FROM unnest(cast(:dates AS date[])) AS kept(date) WHERE kept.date = stored.date)"""

QUARANTINE = """
WITH written AS (
    INSERT INTO market_data_quarantine AS stored ({columns})
    SELECT DISTINCT ON (payload_sha, reason) {columns} FROM {stage}
    ON CONFLICT (payload_sha, reason) DO UPDATE SET seen_count = stored.seen_count + 1, last_seen_at = now()
    RETURNING stored.xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new) FROM written"""

# The view model_champions looks at every promotion there ever was.
CHAMPIONS_AMONG = """
SELECT v.version FROM model_versions v
WHERE v.version = ANY(cast(:versions AS text[]))
  AND v.version = (SELECT p.version FROM model_promotions p
                   WHERE p.ticker = v.ticker AND p.family = v.family ORDER BY p.id DESC LIMIT 1)"""

APPEND_PREDICTIONS = """
INSERT INTO ldtm_predictions ({columns}, in_sample, is_late)
SELECT {sent}, sent.in_sample, coalesce(official.is_another, sent.is_late)
FROM {stage} sent
CROSS JOIN LATERAL (
    SELECT bool_or((p.model_version, p.data_hash) <> (sent.model_version, sent.data_hash)) AS is_another
    FROM ldtm_predictions p
    WHERE p.run_date = sent.run_date AND p.ticker = sent.ticker AND p.family = sent.family
      AND NOT p.is_late AND (sent.in_sample OR NOT p.in_sample)
) official
ON CONFLICT ON CONSTRAINT ldtm_predictions_once_key DO NOTHING
RETURNING run_date, ticker, family, model_version, horizon, is_late"""

WRITE_SNAPSHOTS = """
WITH candidate AS (
    SELECT *, bool_or(NOT in_sample) OVER (PARTITION BY ticker) AS has_honest
    FROM ldtm_predictions
    WHERE run_date = :run_date AND family = :family AND NOT is_late
), official AS (
    SELECT run_date, ticker, min(run_date_close) AS run_date_close, min(model_version) AS model_version,
           max(generated_at) AS generated_at, bool_or(in_sample) AS in_sample, bool_or(is_replay) AS is_replay,
           max(predicted_close) FILTER (WHERE horizon = 'next_day') AS next_day_pred,
           max(predicted_close) FILTER (WHERE horizon = 'next_monday') AS next_monday_pred,
           max(predicted_close) FILTER (WHERE horizon = 'one_month') AS one_month_pred,
           max(target_date) FILTER (WHERE horizon = 'next_day') AS next_day_target,
           max(target_date) FILTER (WHERE horizon = 'next_monday') AS next_monday_target,
           max(target_date) FILTER (WHERE horizon = 'one_month') AS one_month_target
    FROM candidate
    WHERE NOT (in_sample AND has_honest)
    GROUP BY run_date, ticker
)
INSERT INTO ldtm_daily_snapshots AS stored (
    run_date, ticker, generated_at, next_day_close_pred, next_monday_close_pred, one_month_close_pred, run_date_close,
    next_day_direction_pred, source_run_log_id, next_day_target_date, next_monday_target_date, one_month_target_date,
    model_version, in_sample, is_replay)
SELECT run_date, ticker, generated_at, next_day_pred, next_monday_pred, one_month_pred, run_date_close,
       CASE WHEN next_day_pred > run_date_close THEN 'UP' WHEN next_day_pred <= run_date_close THEN 'DOWN' END,
       (SELECT max(id) FROM ldtm_run_log run
        WHERE run.ticker = official.ticker AND run.mode = 'infer' AND run.status = 'success'
          AND run.run_date = official.run_date AND run.model_version = official.model_version),
       next_day_target, next_monday_target, one_month_target, model_version, in_sample, is_replay
FROM official
ON CONFLICT (run_date, ticker) DO UPDATE SET
    generated_at = excluded.generated_at,
    next_day_close_pred = excluded.next_day_close_pred,
    next_monday_close_pred = excluded.next_monday_close_pred,
    one_month_close_pred = excluded.one_month_close_pred,
    run_date_close = excluded.run_date_close,
    next_day_direction_pred = excluded.next_day_direction_pred,
    source_run_log_id = excluded.source_run_log_id,
    next_day_target_date = excluded.next_day_target_date,
    next_monday_target_date = excluded.next_monday_target_date,
    one_month_target_date = excluded.one_month_target_date,
    model_version = excluded.model_version, in_sample = excluded.in_sample, is_replay = excluded.is_replay,
    next_day_actual = NULL, next_day_actual_date = NULL, next_day_pct_error = NULL,
    next_day_direction_actual = NULL, next_day_direction_correct = NULL,
    next_monday_actual = NULL, next_monday_actual_date = NULL, next_monday_pct_error = NULL,
    one_month_actual = NULL, one_month_actual_date = NULL, one_month_pct_error = NULL
WHERE stored.in_sample AND NOT excluded.in_sample"""
