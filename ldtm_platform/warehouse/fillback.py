"""Fills matured targets of the snapshots with what came true.

Only a bar on exactly the target session counts. Its close is restated to the price basis of the run date, so that a
split between the two is no error. A close or a split that changes later is filled again, and the change is recorded.
Where the stored bars themselves changed basis after the forecast, as when a vendor names a split late, the actual is
brought to the basis in which the forecast was made.
"""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa


@dataclass(frozen=True)
class FilledBack:
    """What one fill-back did.

    updated: snapshots written; revised: actuals that were filled before and changed; pending: targets whose bar is not
    there yet; missing: targets whose bar is absent although the ticker has a later one; ended: targets that get no bar,
    because the ticker was delisted before them (view ldtm_ended_targets).
    """

    updated: int
    revised: int
    pending: int
    missing: int
    ended: int = 0


def fill_back(connection: sa.Connection, *, through: date) -> FilledBack:
    """Fill every target session up to and including `through` from its bar; a second call changes nothing."""
    # Two at once would record the same revision twice.
    connection.execute(sa.text("LOCK TABLE ldtm_daily_snapshots IN SHARE ROW EXCLUSIVE MODE"))
    updated, revised = connection.execute(sa.text(_FILL), {"through": through}).one()
    pending, missing, ended = connection.execute(sa.text(_OPEN), {"through": through}).one()
    return FilledBack(updated=updated, revised=revised, pending=pending, missing=missing, ended=ended)


_TARGETS = """
    SELECT s.id, s.run_date, s.run_date_close, s.ticker, target.horizon, target.date, target.actual
    FROM ldtm_daily_snapshots s
    CROSS JOIN LATERAL (VALUES
        ('next_day', s.next_day_target_date, s.next_day_actual),
        ('next_monday', s.next_monday_target_date, s.next_monday_actual),
        ('one_month', s.one_month_target_date, s.one_month_actual)
    ) target(horizon, date, actual)
    WHERE target.date IS NOT NULL"""

# The splits between the two dates are multiplied directly: dividing two cumulative factors could be off in the last
# digit after an unrelated earlier split. A change of basis is a ratio of two closes and rounds: hence the tolerance.
# Few targets have a split before them: looked up for each of them all, splits would take most of the time.
_FILL = f"""
WITH targets AS ({_TARGETS} AND target.date <= :through
), split AS (
    SELECT targets.id, targets.horizon, ldtm_product(a.value ORDER BY a.ex_date) AS factor
    FROM targets
    JOIN corporate_actions a ON a.ticker = targets.ticker AND a.kind = 'split'
        AND a.ex_date > targets.run_date AND a.ex_date <= targets.date
    GROUP BY targets.id, targets.horizon
), due AS MATERIALIZED (
    SELECT targets.*,
           bar.close * coalesce(split.factor, 1) * ldtm_basis_change(targets.run_date_close, origin.close) AS close
    FROM targets
    JOIN market_data_daily bar ON bar.ticker = targets.ticker AND bar.date = targets.date
    LEFT JOIN market_data_daily origin ON origin.ticker = targets.ticker AND origin.date = targets.run_date
    LEFT JOIN split ON split.id = targets.id AND split.horizon = targets.horizon
), changed AS (
    SELECT * FROM due WHERE actual IS NULL OR abs(actual - close) > 1e-9 * close
), revised AS (
    INSERT INTO ldtm_snapshot_revisions (run_date, ticker, horizon, old_actual, new_actual)
    SELECT run_date, ticker, horizon, actual, close FROM changed WHERE actual IS NOT NULL
    RETURNING 1
), per_snapshot AS (
    SELECT id, max(close) FILTER (WHERE horizon = 'next_day') AS next_day,
           max(close) FILTER (WHERE horizon = 'next_monday') AS next_monday,
           max(close) FILTER (WHERE horizon = 'one_month') AS one_month
    FROM changed GROUP BY id
), filled AS (
    SELECT s.id, s.run_date_close, s.next_day_direction_pred,
           coalesce(new.next_day, s.next_day_actual) AS next_day,
           coalesce(new.next_monday, s.next_monday_actual) AS next_monday,
           coalesce(new.one_month, s.one_month_actual) AS one_month,
           CASE WHEN coalesce(new.next_day, s.next_day_actual) > s.run_date_close THEN 'UP'
                WHEN coalesce(new.next_day, s.next_day_actual) < s.run_date_close THEN 'DOWN' END AS direction
    FROM per_snapshot new JOIN ldtm_daily_snapshots s USING (id)
), updated AS (
    UPDATE ldtm_daily_snapshots s SET
        next_day_actual = f.next_day,
        next_day_actual_date = CASE WHEN f.next_day IS NOT NULL THEN s.next_day_target_date END,
        next_day_pct_error = (s.next_day_close_pred - f.next_day) / f.next_day * 100,
        next_day_direction_actual = f.direction,
        next_day_direction_correct = s.next_day_direction_pred = f.direction,
        next_monday_actual = f.next_monday,
        next_monday_actual_date = CASE WHEN f.next_monday IS NOT NULL THEN s.next_monday_target_date END,
        next_monday_pct_error = (s.next_monday_close_pred - f.next_monday) / f.next_monday * 100,
        one_month_actual = f.one_month,
        one_month_actual_date = CASE WHEN f.one_month IS NOT NULL THEN s.one_month_target_date END,
        one_month_pct_error = (s.one_month_close_pred - f.one_month) / f.one_month * 100
    FROM filled f WHERE f.id = s.id
    RETURNING 1
)
SELECT (SELECT count(*) FROM updated), (SELECT count(*) FROM revised)"""

_OPEN = f"""
WITH targets AS ({_TARGETS} AND target.actual IS NULL
), newest AS (
    SELECT ticker, max(date) AS date FROM market_data_daily WHERE date <= :through GROUP BY ticker
)
SELECT count(*) FILTER (WHERE ended.id IS NULL AND (newest.date IS NULL OR newest.date < targets.date)),
       count(*) FILTER (WHERE newest.date > targets.date),
       count(ended.id)
FROM targets
LEFT JOIN newest USING (ticker)
LEFT JOIN (SELECT ticker AS id, last_date FROM market_data_status WHERE state = 'delisted') ended
    ON ended.id = targets.ticker AND targets.date > ended.last_date"""
