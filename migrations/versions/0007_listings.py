"""Symbol changes and delistings."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

PREDICTION_ERRORS = """
CREATE OR REPLACE VIEW ldtm_prediction_errors AS
SELECT p.id, p.run_date, {name}.ticker, p.family, p.model_version, p.horizon, p.target_date,
       p.run_date_close, p.predicted_close, a.actual_close,
       (p.predicted_close - a.actual_close) / a.actual_close * 100 AS pct_error,
       (p.run_date_close - a.actual_close) / a.actual_close * 100 AS persistence_pct_error,
       CASE WHEN p.predicted_close > 0 THEN abs(ln(p.predicted_close / a.actual_close)) END AS abs_log_error,
       abs(ln(p.run_date_close / a.actual_close)) AS persistence_abs_log_error,
       p.trained_through, p.generated_at, p.in_sample, p.is_late, p.is_replay
FROM ldtm_predictions p{names}
JOIN market_data_daily bar ON bar.ticker = {name}.ticker AND bar.date = p.target_date
LEFT JOIN market_data_split_regimes own
    ON own.ticker = {name}.ticker AND p.target_date >= own.from_date AND p.target_date < own.until_date
LEFT JOIN market_data_split_regimes basis
    ON basis.ticker = {name}.ticker AND p.price_basis >= basis.from_date AND p.price_basis < basis.until_date
LEFT JOIN market_data_daily origin ON origin.ticker = {name}.ticker AND origin.date = p.run_date
CROSS JOIN LATERAL (
    SELECT bar.close * (coalesce(own.split_factor, 1) / coalesce(basis.split_factor, 1))
        * ldtm_basis_change(p.run_date_close, origin.close) AS actual_close
) a"""

NAMED_NOW = """
LEFT JOIN ticker_aliases alias ON alias.old_ticker = p.ticker AND p.run_date < alias.changed_on
CROSS JOIN LATERAL (SELECT coalesce(alias.current_ticker, p.ticker) AS ticker) named"""

ENDED_TARGETS = """
CREATE VIEW ldtm_ended_targets AS
SELECT s.run_date, s.ticker, target.horizon, target.date AS target_date, status.last_date AS last_bar,
       status.message AS reason
FROM ldtm_daily_snapshots s
CROSS JOIN LATERAL (VALUES
    ('next_day', s.next_day_target_date, s.next_day_actual),
    ('next_monday', s.next_monday_target_date, s.next_monday_actual),
    ('one_month', s.one_month_target_date, s.one_month_actual)
) target(horizon, date, actual)
JOIN market_data_status status ON status.ticker = s.ticker AND status.state = 'delisted'
WHERE target.actual IS NULL AND target.date > status.last_date"""

STATES = ("ok", "incomplete", "no_data", "failed")


def upgrade() -> None:
    op.create_table(
        "ticker_aliases",
        sa.Column("old_ticker", sa.Text(), nullable=False),
        sa.Column("new_ticker", sa.Text(), nullable=False),
        sa.Column("changed_on", sa.Date(), nullable=False),
        sa.Column("current_ticker", sa.Text(), nullable=False),
        sa.Column("carried_at", sa.DateTime(timezone=True)),
        sa.Column("carried_bars", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("old_ticker", name="ticker_aliases_pkey"),
        comment="Symbol changes, as the universe file tells them, and what was carried over to the new name",
    )
    _allow((*STATES, "delisted"))
    op.execute(PREDICTION_ERRORS.format(names=NAMED_NOW, name="named"))
    op.execute(ENDED_TARGETS)


def downgrade() -> None:
    op.execute("DROP VIEW ldtm_ended_targets")
    op.execute(PREDICTION_ERRORS.format(names="", name="p"))
    op.execute("UPDATE market_data_status SET state = 'failed' WHERE state = 'delisted'")
    _allow(STATES)
    op.drop_table("ticker_aliases")


def _allow(states: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{state}'" for state in states)
    op.drop_constraint("market_data_status_state_check", "market_data_status")
    op.create_check_constraint("market_data_status_state_check", "market_data_status", f"state IN ({listed})")
