"""The table of symbol changes, beside tables.py and on its metadata, which imports this module."""

import sqlalchemy as sa

from ldtm_platform.warehouse.columns import facts, key, maybe


def alias_table(metadata: sa.MetaData) -> sa.Table:
    """ticker_aliases, added to the metadata."""
    return sa.Table(
        "ticker_aliases",
        metadata,
        key("old_ticker", sa.Text),
        *facts(sa.Text, "new_ticker"),
        *facts(sa.Date, "changed_on"),
        *facts(sa.Text, "current_ticker"),
        *maybe(sa.DateTime(timezone=True), "carried_at"),
        sa.Column("carried_bars", sa.Integer, nullable=False, server_default=sa.text("0")),
        comment="Symbol changes, as the universe file tells them, and what was carried over to the new name",
    )
