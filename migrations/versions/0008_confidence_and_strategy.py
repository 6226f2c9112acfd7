"""Confidence scores and the TQQQ signal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "ldtm_confidence",
        sa.Column("run_date", sa.Date(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("horizon", sa.Text(), nullable=False),
        sa.Column("score", sa.Double()),
        sa.Column("evaluated", sa.Integer(), nullable=False),
        sa.Column("replayed", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.Double(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("directions", sa.Integer(), nullable=False),
        sa.Column("wilson_low", sa.Double()),
        sa.Column("wilson_high", sa.Double()),
        sa.Column("base_rate", sa.Double(), nullable=False),
        sa.Column("prior_strength", sa.Double(), nullable=False),
        sa.Column("p_dir", sa.Double(), nullable=False),
        sa.Column("rel_mae", sa.Double()),
        sa.Column("rel_mae_log_se", sa.Double()),
        sa.Column("p_err", sa.Double(), nullable=False),
        sa.Column("strength", sa.Double(), nullable=False),
        sa.Column("half_width", sa.Double()),
        sa.Column("coverage", sa.Double()),
        sa.Column("promises", sa.Integer(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("horizon IN ('next_day', 'next_monday', 'one_month')", name="ldtm_confidence_horizon_check"),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name="ldtm_confidence_score_check"),
        sa.PrimaryKeyConstraint("run_date", "ticker", "horizon", name="ldtm_confidence_pkey"),
        comment="How much the record known that evening says for each forecast; no score: not enough evidence",
    )
    op.create_table(
        "tqqq_signals",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("exposure", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double()),
        sa.Column("is_replay", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("generated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("exposure IN ('long TQQQ', 'flat', 'long SQQQ')", name="tqqq_signals_exposure_check"),
        sa.PrimaryKeyConstraint("session", name="tqqq_signals_pkey"),
        comment="The strategy summary of each session, as it was first made; not investment advice",
    )


def downgrade() -> None:
    op.drop_table("tqqq_signals")
    op.drop_table("ldtm_confidence")
