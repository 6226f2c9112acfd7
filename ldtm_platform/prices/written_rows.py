"""Rows as they are written: bars with their source, what a bar was before, and what was sent otherwise. Pure."""

from hashlib import sha256

import polars as pl

from ldtm_platform.prices.reconcile import Reconciled
from ldtm_platform.sources.base import BAR_COLUMNS, PRICE_COLUMNS


def with_source(bars: pl.DataFrame, row_sources: pl.DataFrame | None, source: str) -> pl.DataFrame:
    """The bars with a column source: by row_sources (date, source) where a day is named there, else `source`."""
    if row_sources is None:
        return bars.with_columns(source=pl.lit(source))
    told = bars.join(row_sources.unique("date"), on="date", how="left", maintain_order="left")
    return told.with_columns(pl.col("source").fill_null(source))


def revisions(restated: pl.DataFrame) -> pl.DataFrame:
    """Rows of market_data_revisions from bars that have old_<column> beside each value."""
    values = (*PRICE_COLUMNS, "volume")
    return restated.select(
        "ticker",
        "date",
        pl.lit("restatement").alias("kind"),
        *(f"old_{name}" for name in values),
        *(pl.col(name).alias(f"new_{name}") for name in values),
    )


def not_as_sent(sent: pl.DataFrame, stored: pl.DataFrame, reconciled: Reconciled) -> pl.DataFrame:
    """The bars sent for a ticker that are not stored like that, and those stored that are restated: BAR_COLUMNS.

    sent, stored: BAR_COLUMNS by date.
    """
    kept = stored.filter(pl.col("date") >= sent["date"][0]) if sent.height else stored
    now = pl.concat([kept, reconciled.new, reconciled.restated.select(BAR_COLUMNS)])
    before = [pl.col(f"old_{name}").alias(name) for name in (*PRICE_COLUMNS, "volume")]
    return pl.concat(
        [
            sent.select(BAR_COLUMNS).join(now, on=BAR_COLUMNS, how="anti"),
            reconciled.restated.select("ticker", "date", *before),
        ]
    )


def quarantine_rows(refused: pl.DataFrame, source: str) -> pl.DataFrame:
    """Refused rows (ticker, date, reason, payload) as writes.quarantine takes them."""
    shas = [sha256(payload.encode()).hexdigest() for payload in refused["payload"]]
    return refused.with_columns(pl.lit(source).alias("source"), pl.Series("payload_sha", shas, dtype=pl.String))
