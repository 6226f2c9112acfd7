"""The SQL of the queries that reads.py runs, where a query is more than a line or two; all parameters are named."""

_CHAMPIONS = """
SELECT DISTINCT ON (v.ticker COLLATE "C") v.ticker, v.version, v.trained_through,
       v.trained_through > :session AS in_sample
FROM model_versions v
LEFT JOIN model_champions c ON c.version = v.version AND c.ticker = v.ticker AND c.family = v.family
WHERE {of}v.family = :family AND v.pruned_at IS NULL AND (v.trained_through <= :session OR c.version IS NOT NULL)
ORDER BY v.ticker COLLATE "C", v.trained_through <= :session DESC NULLS LAST, c.version IS NOT NULL DESC,
         v.trained_through DESC, v.created_at DESC
"""
CHAMPIONS = _CHAMPIONS.format(of="")
CHAMPION_OF = _CHAMPIONS.format(of="v.ticker = :ticker AND ")

# A row a session: tickers share the luck of one.
SESSION_LOSSES = """
SELECT family, horizon, run_date, count(*) AS n, sum(abs_log_error) AS own, sum(persistence_abs_log_error) AS naive
FROM ldtm_prediction_errors
WHERE NOT in_sample AND NOT is_late
  AND ticker <> ALL(cast(:apart AS text[]))
GROUP BY family, horizon, run_date
ORDER BY family, array_position(ARRAY['next_day', 'next_monday', 'one_month'], horizon), run_date"""

# The view ldtm_model_cards says this and much more of every ticker, and takes four times as long.
FRESHNESS = """
WITH champion AS (
    SELECT p.ticker, p.version, v.trained_through
    FROM model_promotions p
    JOIN model_versions v ON v.version = p.version
    WHERE p.id IN (SELECT max(id) FROM model_promotions WHERE family <> 'persistence' GROUP BY ticker)
), training AS (
    SELECT ticker, status, error_msg FROM ldtm_run_log
    WHERE id IN (SELECT max(id) FROM ldtm_run_log WHERE mode = 'train' GROUP BY ticker)
), known AS (
    SELECT ticker, s.state, s.message, s.source, s.checked_at, champion.version AS champion, champion.trained_through,
           training.status AS last_training_status, training.error_msg AS last_training_message
    FROM market_data_status s FULL JOIN champion USING (ticker) FULL JOIN training USING (ticker)
)
SELECT ticker, state, message, source, checked_at,
       (SELECT max(date) FROM market_data_daily b WHERE b.ticker = known.ticker) AS last_bar,
       (SELECT max(date) FROM engineered_features f WHERE f.ticker = known.ticker) AS last_feature,
       champion, trained_through, last_training_status, last_training_message,
       (SELECT max(run_date) FROM ldtm_daily_snapshots p WHERE p.ticker = known.ticker) AS last_snapshot
FROM known
ORDER BY ticker COLLATE "C"
"""

# What every reading of a card has: of all tickers here, of one in screens.py.
MODEL_CARD = """
SELECT ticker, family, version, promoted_at, trained_through, last_trained_at, epochs_run, best_epoch,
       train_loss, persistence_train_loss, best_val_loss, persistence_val_loss, test_loss, persistence_test_loss,
       skill::text AS skill, trained_rows, windows::text AS windows, device,
       last_training_status, last_training_at, last_training_message, inference_sec, last_inference_at"""

MODEL_CARDS = f"""{MODEL_CARD},
       signal_run_date, implied_1m_return_pct::float8 AS implied_1m_return_pct, bucket
FROM ldtm_model_cards
ORDER BY ticker COLLATE "C"
"""

SIGNALS = """
SELECT run_date, ticker, run_date_close, next_day_close_pred, next_monday_close_pred, one_month_close_pred,
       implied_1m_return_pct::float8 AS implied_1m_return_pct, bucket,
       next_day_target_date, next_monday_target_date, one_month_target_date, model_version, in_sample, is_replay
FROM ldtm_signals
WHERE run_date = coalesce(:run_date, (SELECT max(run_date) FROM ldtm_daily_snapshots))
ORDER BY implied_1m_return_pct DESC NULLS LAST, ticker COLLATE "C"
"""

VERSIONS = """
SELECT v.version, v.trained_through, v.created_at, c.version IS NOT NULL AS is_champion
FROM model_versions v
LEFT JOIN model_champions c ON c.version = v.version AND c.ticker = v.ticker AND c.family = v.family
WHERE v.ticker = :ticker AND v.family = :family AND v.pruned_at IS NULL
ORDER BY v.trained_through DESC, v.created_at DESC"""

LATEST_FORECASTS = f"""
WITH champion AS ({CHAMPIONS}), newest AS (
    SELECT DISTINCT ON (p.ticker, p.horizon) p.ticker, p.horizon, p.predicted_close, p.in_sample
    FROM ldtm_predictions p
    JOIN champion ON champion.ticker = p.ticker AND champion.version = p.model_version
    WHERE p.run_date = :session AND p.family = :family
    ORDER BY p.ticker, p.horizon, p.id DESC
)
SELECT ticker,
       max(predicted_close) FILTER (WHERE horizon = 'next_day') AS next_day_close,
       max(predicted_close) FILTER (WHERE horizon = 'next_monday') AS next_monday_close,
       max(predicted_close) FILTER (WHERE horizon = 'one_month') AS one_month_close,
       bool_or(in_sample) AS in_sample
FROM newest
GROUP BY ticker
ORDER BY ticker COLLATE "C"
"""

SNAPSHOTS = """
SELECT * FROM ldtm_daily_snapshots
WHERE run_date = coalesce(:run_date, run_date) AND ticker = coalesce(:ticker, ticker)
ORDER BY run_date, ticker COLLATE "C"
"""

INCOMPLETE_TICKERS = """
SELECT ticker, message FROM market_data_status
WHERE state = 'incomplete' AND ticker = ANY(cast(:tickers AS text[]))
ORDER BY ticker COLLATE "C"
"""

DELISTED = """
SELECT ticker, last_date, message FROM market_data_status WHERE state = 'delisted' ORDER BY ticker COLLATE "C"
"""

NEWEST_BARS = """
SELECT source, max(last_date) AS last_date FROM market_data_status WHERE last_date IS NOT NULL GROUP BY source
"""

ENDED_TARGETS = 'SELECT * FROM ldtm_ended_targets ORDER BY ticker COLLATE "C", target_date, horizon'

QUARANTINED = """
SELECT ticker, reason, count(*) AS rows, min(date) AS first_date, max(date) AS last_date,
       max(last_seen_at) AS last_seen_at
FROM market_data_quarantine
GROUP BY ticker, reason
ORDER BY ticker COLLATE "C", reason"""

# A target on a recorded halt never gets a bar: that is known, and nobody can mend it.
OVERDUE_TARGETS = """
SELECT s.ticker, target.date AS target_date, count(DISTINCT s.id) AS snapshots
FROM ldtm_daily_snapshots s
CROSS JOIN LATERAL (VALUES
    (s.next_day_target_date, s.next_day_actual),
    (s.next_monday_target_date, s.next_monday_actual),
    (s.one_month_target_date, s.one_month_actual)
) target(date, actual)
WHERE (s.next_day_actual IS NULL OR s.next_monday_actual IS NULL OR s.one_month_actual IS NULL)
  AND target.actual IS NULL
  AND EXISTS (SELECT 1 FROM market_data_daily b WHERE b.ticker = s.ticker AND b.date >= target.date)
  AND NOT EXISTS (SELECT 1 FROM corporate_actions a
                  WHERE a.ticker = s.ticker AND a.kind = 'halt' AND a.ex_date = target.date)
GROUP BY s.ticker, target.date
ORDER BY s.ticker COLLATE "C", target.date"""

STAGE_COSTS = """
SELECT * FROM (SELECT DISTINCT ON (stage) * FROM stage_benchmarks ORDER BY stage, id DESC) AS newest
ORDER BY finished_at, id"""

# One look into the index a session: DISTINCT would read every snapshot of every ticker.
FORECAST_SESSIONS = """
WITH RECURSIVE walk AS (
    SELECT min(run_date) AS run_date FROM ldtm_daily_snapshots WHERE run_date >= :since
    UNION ALL
    SELECT (SELECT min(s.run_date) FROM ldtm_daily_snapshots s WHERE s.run_date > walk.run_date)
    FROM walk WHERE walk.run_date IS NOT NULL
)
SELECT run_date FROM walk WHERE run_date IS NOT NULL ORDER BY run_date"""

HALTED = "SELECT ticker FROM corporate_actions WHERE kind = 'halt' AND ex_date = :session ORDER BY ticker COLLATE \"C\""

PULSE = """
SELECT count(*) AS tickers, count(*) FILTER (WHERE state = 'ok') AS tickers_ok, max(last_date) AS last_bar,
       max(checked_at) AS checked_at,
       (SELECT max(run_date) FROM ldtm_daily_snapshots) AS last_snapshot,
       (SELECT max(id) FROM ldtm_predictions) AS last_prediction
FROM market_data_status"""

# The newest headline sets the window, so that a database that ends in the past has news too.
HEADLINES = """
WITH asked AS (
    SELECT * FROM news_headlines WHERE cast(:tickers AS text[]) IS NULL OR ticker = ANY(cast(:tickers AS text[]))
)
SELECT ticker, published_at, title, publisher, url, count(*) OVER () AS found
FROM asked
WHERE published_at > (SELECT max(published_at) FROM asked) - make_interval(days => :days)
ORDER BY published_at DESC, ticker COLLATE "C", fingerprint
LIMIT :limit"""

PAST_FORECASTS = """
SELECT run_date, ticker, run_date_close, next_day_close_pred, next_day_actual, next_day_actual_date, next_day_pct_error,
       next_day_direction_pred, next_day_direction_actual, next_day_direction_correct,
       next_monday_close_pred, next_monday_actual, next_monday_pct_error,
       one_month_close_pred, one_month_actual, one_month_pct_error, in_sample, is_replay, count(*) OVER () AS found
FROM ldtm_daily_snapshots
WHERE (cast(:tickers AS text[]) IS NULL OR ticker = ANY(cast(:tickers AS text[])))
  AND run_date BETWEEN coalesce(cast(:start AS date), '-infinity') AND coalesce(cast(:end AS date), 'infinity')
ORDER BY run_date DESC, ticker COLLATE "C"
LIMIT :limit"""

CONFIDENCE = """
SELECT run_date, ticker, horizon, score, evaluated, replayed, evidence, hits, directions, wilson_low, wilson_high,
       base_rate, prior_strength, p_dir, rel_mae, rel_mae_log_se, p_err, strength, half_width, coverage, promises
FROM ldtm_confidence
WHERE run_date = coalesce(cast(:run_date AS date), (SELECT max(run_date) FROM ldtm_confidence))
ORDER BY ticker COLLATE "C", array_position(ARRAY['next_day', 'next_monday', 'one_month'], horizon)"""

TQQQ_SIGNAL = """
SELECT session, exposure, confidence, is_replay, generated_at, summary::text AS summary
FROM tqqq_signals
WHERE session = coalesce(cast(:session AS date), (SELECT max(session) FROM tqqq_signals))"""

TQQQ_SIGNALS = """
SELECT session, exposure, confidence, is_replay FROM tqqq_signals
WHERE session <= coalesce(cast(:through AS date), 'infinity')
ORDER BY session"""

IMPLIED_RETURNS = """
SELECT s.run_date, s.ticker, s.implied_1m_return_pct::float8 AS implied_1m_return_pct, c.score,
       s.model_version, s.is_replay
FROM ldtm_signals s
LEFT JOIN ldtm_confidence c ON c.run_date = s.run_date AND c.ticker = s.ticker AND c.horizon = 'one_month'
WHERE NOT s.in_sample AND s.ticker = ANY(cast(:tickers AS text[])) AND s.run_date BETWEEN :first AND :last
ORDER BY s.run_date, s.ticker COLLATE "C"
"""
