"""Bars are found by day and volume, whatever ticker they are of."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_index("market_data_daily_date_volume_idx", "market_data_daily", ["date", "volume"])


def downgrade() -> None:
    op.drop_index("market_data_daily_date_volume_idx", "market_data_daily")
