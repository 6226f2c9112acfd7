"""Rows as they are written: bars with their source, and what a bar was before it was restated. Pure."""

import polars as pl

from ldtm_platform.sources.base import PRICE_COLUMNS


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
