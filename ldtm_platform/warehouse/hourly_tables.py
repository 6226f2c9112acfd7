"""The tables of hourly bars: the bars, what vendors changed in them, and what the last ingest of each ticker found.

Beside tables.py and on its metadata, which imports this module. Rows that are no bars are in market_data_quarantine,
with those of the daily bars.
"""

import sqlalchemy as sa

from ldtm_platform.warehouse.columns import facts, flag, instant, key, maybe, one_of, positive, surrogate_key

GRIDS = ("hour", "half_hour")
_PRICES = ("open", "high", "low", "close")


def hourly_tables(metadata: sa.MetaData) -> tuple[sa.Table, sa.Table, sa.Table]:
    """market_data_hourly, its revisions and its status, added to the metadata."""
    return _bars(metadata), _revisions(metadata), _status(metadata)


def _bars(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "market_data_hourly",
        metadata,
        key("ticker", sa.Text),
        key("start_at", sa.DateTime(timezone=True)),
        *facts(sa.Date, "date"),
        *facts(sa.Double, *_PRICES),
        *facts(sa.BigInteger, "volume"),
        *facts(sa.Text, "grid", "segment"),
        flag("is_extended"),
        *facts(sa.DateTime(timezone=True), "known_at"),
        *facts(sa.Text, "source"),
        instant("ingested_at"),
        positive(*_PRICES),
        sa.CheckConstraint("high >= low", name="high_low"),
        sa.CheckConstraint("volume >= 0", name="volume"),
        sa.CheckConstraint("known_at > start_at", name="known_at"),
        one_of("grid", *GRIDS),
        sa.Index(None, "ticker", "date"),
        comment="Raw bars of an hour or the part of it in the session, and when each became known",
    )


def _revisions(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "market_data_hourly_revisions",
        metadata,
        surrogate_key(),
        *facts(sa.Text, "ticker"),
        *facts(sa.DateTime(timezone=True), "start_at"),
        *facts(sa.Date, "date"),
        *facts(sa.Double, *(f"old_{name}" for name in _PRICES)),
        *facts(sa.BigInteger, "old_volume"),
        *facts(sa.Double, *(f"new_{name}" for name in _PRICES)),
        *facts(sa.BigInteger, "new_volume"),
        *facts(sa.Text, "source"),
        instant("detected_at"),
        sa.Index(None, "ticker", "start_at"),
        comment="Hourly bars that a vendor sent again with other values",
    )


def _status(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "market_data_hourly_status",
        metadata,
        key("ticker", sa.Text),
        *facts(sa.Text, "source", "price_basis", "state", "message", "grids"),
        *maybe(sa.Date, "first_date", "last_date"),
        *facts(sa.Integer, "rows"),
        instant("checked_at"),
        one_of("price_basis", "raw", "split_adjusted"),
        one_of("state", "ok", "incomplete", "no_data", "failed", "delisted"),
        comment="What the last ingest of each ticker's hourly bars found, and the grids that they are on",
    )
