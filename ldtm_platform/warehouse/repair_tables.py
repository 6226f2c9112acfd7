"""The table of repaired bars. Beside tables.py and on its metadata, which imports this module."""

import sqlalchemy as sa

from ldtm_platform.warehouse.columns import facts, instant, key, maybe

_PRICES = ("open", "high", "low", "close")


def repairs_table(metadata: sa.MetaData) -> sa.Table:
    """market_data_repairs, added to the metadata."""
    return sa.Table(
        "market_data_repairs",
        metadata,
        key("ticker", sa.Text),
        key("date", sa.Date),
        key("defect", sa.Text),
        *facts(sa.Double, *(f"old_{name}" for name in _PRICES)),
        *facts(sa.BigInteger, "old_volume"),
        *facts(sa.Double, *(f"new_{name}" for name in _PRICES)),
        *facts(sa.BigInteger, "new_volume"),
        *facts(sa.Text, "evidence", "source"),
        instant("repaired_at"),
        *maybe(sa.DateTime(timezone=True), "mended_at"),
        comment="Bars that a vendor sent wrong and that were put right, and since when it sends them right",
    )
