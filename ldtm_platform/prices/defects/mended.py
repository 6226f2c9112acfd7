"""A delivery without its defects: bars that may be compared and stored, what was repaired, and what is held.

Certain findings are repaired and recorded; the others go to quarantine row by row, so that the session counts as
missing, is named, and is asked for again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ldtm_platform.prices.bars import BAD_SCHEMA, payload_of
from ldtm_platform.prices.defects.detectors import examined
from ldtm_platform.prices.defects.finding import Case, Finding
from ldtm_platform.prices.reconcile import as_traded
from ldtm_platform.sources.base import BAR_COLUMNS, PRICE_COLUMNS, PriceBasis

_VALUES = (*PRICE_COLUMNS, "volume")
REPAIRS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "ticker": pl.String,
    "date": pl.Date,
    "defect": pl.String,
    **{f"old_{name}": pl.Float64 for name in PRICE_COLUMNS},
    "old_volume": pl.Int64,
    **{f"new_{name}": pl.Float64 for name in PRICE_COLUMNS},
    "new_volume": pl.Int64,
    "evidence": pl.String,
}


@dataclass(frozen=True)
class Mended:
    """bars: BAR_COLUMNS by date, as sent. repairs: REPAIRS_SCHEMA. held: bars.BAD_SCHEMA. said: for people."""

    bars: pl.DataFrame
    repairs: pl.DataFrame
    held: pl.DataFrame
    said: str


def mended(case: Case) -> Mended:
    """Examine a delivery, repair what is certain and hold the rest."""
    clean, found = examined(case)
    held = [_held(finding) for finding in found if not finding.certain]
    repairs = [_repairs(finding, case.bars) for finding in found if finding.certain]
    return Mended(
        clean.bars,
        pl.concat(repairs) if repairs else pl.DataFrame(schema=REPAIRS_SCHEMA),
        pl.concat(held) if held else pl.DataFrame(schema=BAD_SCHEMA),
        _said(found),
    )


def repairs_as_traded(repairs: pl.DataFrame, splits: pl.DataFrame, price_basis: PriceBasis) -> pl.DataFrame:
    """Repairs (REPAIRS_SCHEMA) with old and new values as market_data_daily has them: raw."""
    if repairs.is_empty():
        return repairs
    sides: dict[str, pl.Series] = {}
    for side in ("old", "new"):
        bars = repairs.select("ticker", "date", *(pl.col(f"{side}_{name}").alias(name) for name in _VALUES))
        raw = as_traded(bars, splits, price_basis)
        sides |= {f"{side}_{name}": raw[name] for name in _VALUES}
    return repairs.with_columns(**sides)


def _repairs(finding: Finding, sent: pl.DataFrame) -> pl.DataFrame:
    old = sent.select("date", pl.col(_VALUES).name.prefix("old_"))
    rows = finding.rows.select("ticker", "date", pl.col(_VALUES).name.prefix("new_")).join(old, on="date")
    told = rows.with_columns(defect=pl.lit(finding.defect), evidence=pl.lit(finding.evidence))
    return told.select(*REPAIRS_SCHEMA).cast(REPAIRS_SCHEMA)  # type: ignore[arg-type]


def _held(finding: Finding) -> pl.DataFrame:
    rows = [
        (row["ticker"], row["date"], f"{finding.defect}: {finding.reason}", payload_of(row))
        for row in finding.rows.select(BAR_COLUMNS).iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema=BAD_SCHEMA, orient="row")


def _said(found: Sequence[Finding]) -> str:
    """'5 bars repaired (unit_error); 1 bar held in quarantine (stale_bar: it has no volume ...)', or nothing."""
    repaired, held = Counter[str](), Counter[str]()
    for finding in found:
        told = finding.defect if finding.certain else f"{finding.defect}: {finding.reason}"
        (repaired if finding.certain else held)[told] += finding.rows.height
    sentences = [f"{_bars(rows)} repaired ({told})" for told, rows in repaired.items()]
    sentences += [f"{_bars(rows)} held in quarantine ({told})" for told, rows in held.items()]
    return "; ".join(sentences)


def _bars(rows: int) -> str:
    return f"{rows} bar" + ("" if rows == 1 else "s")
