"""Hourly bars."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_GRIDS = """
CREATE VIEW market_data_hourly_grids AS
SELECT ticker, grid, segment, source, min(date) AS first_date, max(date) AS last_date, count(*) AS bars
FROM (
    SELECT ticker, date, grid, segment, source,
           row_number() OVER (PARTITION BY ticker ORDER BY start_at)
               - row_number() OVER (PARTITION BY ticker, grid, segment, source ORDER BY start_at) AS span
    FROM market_data_hourly
) placed
GROUP BY ticker, grid, segment, source, span"""


def upgrade() -> None:
    op.create_table(
        "market_data_hourly",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=False),
        sa.Column("grid", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("is_extended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "open > 0 AND open < 'infinity' AND high > 0 AND high < 'infinity'"
            " AND low > 0 AND low < 'infinity' AND close > 0 AND close < 'infinity'",
            name="market_data_hourly_positive_check",
        ),
        sa.CheckConstraint("high >= low", name="market_data_hourly_high_low_check"),
        sa.CheckConstraint("volume >= 0", name="market_data_hourly_volume_check"),
        sa.CheckConstraint("known_at > start_at", name="market_data_hourly_known_at_check"),
        sa.CheckConstraint("grid IN ('hour', 'half_hour')", name="market_data_hourly_grid_check"),
        sa.PrimaryKeyConstraint("ticker", "start_at", name="market_data_hourly_pkey"),
        comment="Raw bars of an hour or the part of it in the session, and when each became known",
    )
    op.create_index("market_data_hourly_ticker_date_idx", "market_data_hourly", ["ticker", "date"])
    op.create_table(
        "market_data_hourly_revisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("old_open", sa.Double(), nullable=False),
        sa.Column("old_high", sa.Double(), nullable=False),
        sa.Column("old_low", sa.Double(), nullable=False),
        sa.Column("old_close", sa.Double(), nullable=False),
        sa.Column("old_volume", sa.BigInteger(), nullable=False),
        sa.Column("new_open", sa.Double(), nullable=False),
        sa.Column("new_high", sa.Double(), nullable=False),
        sa.Column("new_low", sa.Double(), nullable=False),
        sa.Column("new_close", sa.Double(), nullable=False),
        sa.Column("new_volume", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="market_data_hourly_revisions_pkey"),
        comment="Hourly bars that a vendor sent again with other values",
    )
    op.create_index(
        "market_data_hourly_revisions_ticker_start_at_idx", "market_data_hourly_revisions", ["ticker", "start_at"]
    )
    op.create_table(
        "market_data_hourly_status",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("price_basis", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("grids", sa.Text(), nullable=False),
        sa.Column("first_date", sa.Date()),
        sa.Column("last_date", sa.Date()),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "price_basis IN ('raw', 'split_adjusted')", name="market_data_hourly_status_price_basis_check"
        ),
        sa.CheckConstraint(
            "state IN ('ok', 'incomplete', 'no_data', 'failed', 'delisted')",
            name="market_data_hourly_status_state_check",
        ),
        sa.PrimaryKeyConstraint("ticker", name="market_data_hourly_status_pkey"),
        comment="What the last ingest of each ticker's hourly bars found, and the grids that they are on",
    )
    op.execute(_GRIDS)


def downgrade() -> None:
    op.execute("DROP VIEW market_data_hourly_grids")
    op.drop_table("market_data_hourly_status")
    op.drop_table("market_data_hourly_revisions")
    op.drop_table("market_data_hourly")
