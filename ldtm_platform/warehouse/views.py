"""What the database derives: the split-adjusted bars, errors, accuracy, signals and model cards, and two guards.

Each definition is the SQL of this code; the migrations hold their own frozen copies, and migrate.disagreements tells
when the two differ. Order matters: a definition may use those above it.
"""

from ldtm_platform.warehouse.definition import Definition, only_added, view
from ldtm_platform.warehouse.error_views import ACCURACY_30D, ERRORS_30D, LOG_ERROR, PREDICTION_ERRORS

REFUSE_CHANGE = Definition(
    """
CREATE FUNCTION ldtm_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: its rows are only added, never changed', TG_OP, TG_TABLE_NAME
        USING HINT = 'Add a new row instead; the first official row of a session stands.';
END
$$""",
    "DROP FUNCTION ldtm_refuse_change()",
)

# exp(sum(ln(x))) is off in the last digits; a split factor of 10 must be exactly 10.
PRODUCT = Definition(
    "CREATE AGGREGATE ldtm_product(double precision) (SFUNC = float8mul, STYPE = double precision, INITCOND = '1')",
    "DROP AGGREGATE ldtm_product(double precision)",
)

# From the basis of the bars stored now to that of a forecast, by the run date's close then and now. No correction of a
# close is that large; no split is smaller.
BASIS_CHANGE = Definition(
    """
CREATE FUNCTION ldtm_basis_change(frozen double precision, stored double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN greatest(frozen / stored, stored / frozen) > 1.2 THEN frozen / stored ELSE 1 END
$$""",
    "DROP FUNCTION ldtm_basis_change(double precision, double precision)",
)

# The forward cumulative factor G: a price of day t in the basis of day a is price * (G(t) / G(a)). No row: G is 1.
SPLIT_REGIMES = view(
    "market_data_split_regimes",
    """
SELECT ticker, ex_date AS from_date,
       coalesce(lead(ex_date) OVER by_date, 'infinity') AS until_date,
       ldtm_product(value) OVER by_date AS split_factor
FROM corporate_actions
WHERE kind = 'split'
WINDOW by_date AS (PARTITION BY ticker ORDER BY ex_date)""",
)

ADJUSTED = Definition(
    """
CREATE FUNCTION market_data_adjusted(as_of date)
RETURNS TABLE (ticker text, date date, open double precision, high double precision, low double precision,
               close double precision, volume double precision)
LANGUAGE sql STABLE AS $$
    SELECT bar.ticker, bar.date, bar.open * f.factor, bar.high * f.factor, bar.low * f.factor, bar.close * f.factor,
           bar.volume / f.factor
    FROM market_data_daily bar
    LEFT JOIN market_data_split_regimes own
        ON own.ticker = bar.ticker AND bar.date >= own.from_date AND bar.date < own.until_date
    LEFT JOIN market_data_split_regimes basis
        ON basis.ticker = bar.ticker AND as_of >= basis.from_date AND as_of < basis.until_date
    CROSS JOIN LATERAL (SELECT coalesce(own.split_factor, 1) / coalesce(basis.split_factor, 1) AS factor) f
    WHERE bar.date <= as_of
$$""",
    "DROP FUNCTION market_data_adjusted(date)",
)

# A span a row: from one change of grid, segment or source to the next.
HOURLY_GRIDS = view(
    "market_data_hourly_grids",
    """
SELECT ticker, grid, segment, source, min(date) AS first_date, max(date) AS last_date, count(*) AS bars
FROM (
    SELECT ticker, date, grid, segment, source,
           row_number() OVER (PARTITION BY ticker ORDER BY start_at)
               - row_number() OVER (PARTITION BY ticker, grid, segment, source ORDER BY start_at) AS span
    FROM market_data_hourly
) placed
GROUP BY ticker, grid, segment, source, span""",
)

CHAMPIONS = view(
    "model_champions",
    """
SELECT DISTINCT ON (ticker, family) ticker, family, version, promoted_at, reason, id AS promotion_id
FROM model_promotions
ORDER BY ticker, family, id DESC""",
)

SIGNALS = view(
    "ldtm_signals",
    """
SELECT s.run_date, s.ticker, s.run_date_close, s.next_day_close_pred, s.next_monday_close_pred, s.one_month_close_pred,
       i.implied_1m_return_pct,
       CASE WHEN i.implied_1m_return_pct > 1 THEN 'bullish'
            WHEN i.implied_1m_return_pct < -1 THEN 'bearish'
            WHEN i.implied_1m_return_pct IS NOT NULL THEN 'neutral' END AS bucket,
       s.next_day_target_date, s.next_monday_target_date, s.one_month_target_date,
       s.model_version, s.in_sample, s.is_replay,
       s.run_date = (SELECT max(run_date) FROM ldtm_daily_snapshots) AS is_latest
FROM ldtm_daily_snapshots s
CROSS JOIN LATERAL (
    SELECT round((((s.one_month_close_pred / nullif(s.next_day_close_pred, 0)) - 1) * 100)::numeric, 2)
        AS implied_1m_return_pct
) i""",
)

# Skill is 1 - loss / persistence's loss: what persistence lost on a part's windows follows from the two.
MODEL_CARDS = view(
    "ldtm_model_cards",
    """
WITH champion AS (
    SELECT DISTINCT ON (c.ticker) c.ticker, c.family, c.version, c.promoted_at, v.trained_through, v.created_at,
           v.epochs_run, v.best_epoch, v.train_loss, v.best_val_loss, v.test_loss, v.skill, v.rows, v.device,
           v.windows
    FROM model_champions c
    JOIN model_versions v ON v.version = c.version
    WHERE c.family <> 'persistence'
    ORDER BY c.ticker, c.promotion_id DESC
), training AS (
    SELECT DISTINCT ON (ticker) * FROM ldtm_run_log WHERE mode = 'train' ORDER BY ticker, id DESC
)
SELECT ticker, champion.family, champion.version, champion.promoted_at,
       champion.trained_through, champion.created_at AS last_trained_at, champion.epochs_run, champion.best_epoch,
       champion.train_loss, champion.best_val_loss, champion.test_loss, champion.skill, champion.rows AS trained_rows,
       champion.device,
       training.status AS last_training_status, training.run_at AS last_training_at,
       training.error_msg AS last_training_message,
       inference.duration_sec AS inference_sec, inference.run_at AS last_inference_at,
       signal.run_date AS signal_run_date, signal.implied_1m_return_pct, signal.bucket,
       champion.train_loss / nullif(1 - (champion.skill #>> '{train,total}')::float8, 0) AS persistence_train_loss,
       champion.best_val_loss / nullif(1 - (champion.skill #>> '{validation,total}')::float8, 0)
           AS persistence_val_loss,
       champion.test_loss / nullif(1 - (champion.skill #>> '{test,total}')::float8, 0) AS persistence_test_loss,
       champion.windows
FROM champion
FULL JOIN training USING (ticker)
LEFT JOIN LATERAL (
    SELECT run.duration_sec, run.run_at FROM ldtm_run_log run
    WHERE run.ticker = coalesce(champion.ticker, training.ticker) AND run.mode = 'infer' AND run.status = 'success'
    ORDER BY run.id DESC LIMIT 1
) inference ON true
LEFT JOIN LATERAL (
    SELECT s.run_date, s.implied_1m_return_pct, s.bucket FROM ldtm_signals s
    WHERE s.ticker = coalesce(champion.ticker, training.ticker)
    ORDER BY s.run_date DESC LIMIT 1
) signal ON true""",
)

# Targets that no bar will ever fill: the ticker was delisted before them. They are pending again if it comes back.
ENDED_TARGETS = view(
    "ldtm_ended_targets",
    """
SELECT s.run_date, s.ticker, target.horizon, target.date AS target_date, status.last_date AS last_bar,
       status.message AS reason
FROM ldtm_daily_snapshots s CROSS JOIN LATERAL (VALUES
    ('next_day', s.next_day_target_date, s.next_day_actual),
    ('next_monday', s.next_monday_target_date, s.next_monday_actual),
    ('one_month', s.one_month_target_date, s.one_month_actual)
) target(horizon, date, actual) JOIN market_data_status status ON status.ticker = s.ticker AND status.state = 'delisted'
WHERE target.actual IS NULL AND target.date > status.last_date""",
)

DEFINITIONS = (
    REFUSE_CHANGE,
    only_added("ldtm_predictions"),
    only_added("model_promotions"),
    PRODUCT,
    BASIS_CHANGE,
    LOG_ERROR,
    SPLIT_REGIMES,
    ADJUSTED,
    HOURLY_GRIDS,
    CHAMPIONS,
    PREDICTION_ERRORS,
    ERRORS_30D,
    ACCURACY_30D,
    SIGNALS,
    MODEL_CARDS,
    ENDED_TARGETS,
)
