"""Market data and features."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "corporate_actions",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("ex_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind = 'halt' OR (value IS NOT NULL AND value > 0 AND value < 'infinity')",
            name="corporate_actions_value_check",
        ),
        sa.CheckConstraint("kind IN ('split', 'dividend', 'halt')", name="corporate_actions_kind_check"),
        sa.PrimaryKeyConstraint("ticker", "ex_date", "kind", name="corporate_actions_pkey"),
        comment="Splits (new shares per old share), dividends (a share, in dollars) and full-day halts",
    )
    op.create_table(
        "engineered_features",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("ret1", sa.Double(), nullable=False),
        sa.Column("ret5", sa.Double(), nullable=False),
        sa.Column("rsi14", sa.Double(), nullable=False),
        sa.Column("ma5", sa.Double(), nullable=False),
        sa.Column("ma10", sa.Double(), nullable=False),
        sa.Column("ma20", sa.Double(), nullable=False),
        sa.Column("split_factor", sa.Double(), nullable=False),
        sa.CheckConstraint("split_factor > 0 AND split_factor < 'infinity'", name="engineered_features_positive_check"),
        sa.PrimaryKeyConstraint("ticker", "date", name="engineered_features_pkey"),
        comment="The 11 features of each session, in the price basis of that session",
    )
    op.create_table(
        "market_data_daily",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "open > 0 AND open < 'infinity' AND high > 0 AND high < 'infinity'"
            " AND low > 0 AND low < 'infinity' AND close > 0 AND close < 'infinity'",
            name="market_data_daily_positive_check",
        ),
        sa.CheckConstraint("high >= low", name="market_data_daily_high_low_check"),
        sa.CheckConstraint("volume >= 0", name="market_data_daily_volume_check"),
        sa.PrimaryKeyConstraint("ticker", "date", name="market_data_daily_pkey"),
        comment="Raw bars, each in the price basis of its own date",
    )
    op.create_table(
        "market_data_quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ticker", sa.Text()),
        sa.Column("date", sa.Date()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("payload_sha", sa.Text(), nullable=False),
        sa.Column("seen_count", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="market_data_quarantine_pkey"),
        sa.UniqueConstraint("payload_sha", "reason", name="market_data_quarantine_payload_sha_reason_key"),
        comment="Rows that a vendor sent and that are no bars, with the reason",
    )
    op.create_index("market_data_quarantine_ticker_idx", "market_data_quarantine", ["ticker"])
    op.create_table(
        "market_data_revisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("old_open", sa.Double()),
        sa.Column("old_high", sa.Double()),
        sa.Column("old_low", sa.Double()),
        sa.Column("old_close", sa.Double()),
        sa.Column("old_volume", sa.BigInteger()),
        sa.Column("new_open", sa.Double()),
        sa.Column("new_high", sa.Double()),
        sa.Column("new_low", sa.Double()),
        sa.Column("new_close", sa.Double()),
        sa.Column("new_volume", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('restatement')", name="market_data_revisions_kind_check"),
        sa.PrimaryKeyConstraint("id", name="market_data_revisions_pkey"),
        comment="Bars that a vendor sent again with other values",
    )
    op.create_index("market_data_revisions_ticker_date_idx", "market_data_revisions", ["ticker", "date"])
    op.create_table(
        "market_data_status",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("price_basis", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("first_date", sa.Date()),
        sa.Column("last_date", sa.Date()),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("price_basis IN ('raw', 'split_adjusted')", name="market_data_status_price_basis_check"),
        sa.CheckConstraint("state IN ('ok', 'incomplete', 'no_data', 'failed')", name="market_data_status_state_check"),
        sa.PrimaryKeyConstraint("ticker", name="market_data_status_pkey"),
        comment="What the last ingest of each ticker found",
    )


def downgrade() -> None:
    op.drop_table("market_data_status")
    op.drop_table("market_data_revisions")
    op.drop_table("market_data_quarantine")
    op.drop_table("market_data_daily")
    op.drop_table("engineered_features")
    op.drop_table("corporate_actions")
