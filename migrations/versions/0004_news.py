"""News headlines and the feeds that they come from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "news_feeds",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text()),
        sa.Column("last_modified", sa.Text()),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("address", name="news_feeds_pkey"),
        comment="What each feed said of its version when it was last read",
    )
    op.create_table(
        "news_headlines",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("publisher", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("url ~ '^https?://'", name="news_headlines_url_check"),
        sa.PrimaryKeyConstraint("ticker", "fingerprint", name="news_headlines_pkey"),
        comment="Headlines about a ticker, each once a day whichever feeds carry it; text without markup",
    )
    op.create_index("news_headlines_ticker_published_at_idx", "news_headlines", ["ticker", "published_at"])


def downgrade() -> None:
    op.drop_table("news_headlines")
    op.drop_table("news_feeds")
