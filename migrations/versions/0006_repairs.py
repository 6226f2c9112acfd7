"""Repairs of vendors' defects."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "market_data_repairs",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("defect", sa.Text(), nullable=False),
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
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("mended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("ticker", "date", "defect", name="market_data_repairs_pkey"),
        comment="Bars that a vendor sent wrong and that were put right, and since when it sends them right",
    )


def downgrade() -> None:
    op.drop_table("market_data_repairs")
