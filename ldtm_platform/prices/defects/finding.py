"""What a detector is given and what it answers: bars in, findings out. No detector stores, fetches or repairs."""

from dataclasses import dataclass, replace

import polars as pl

from ldtm_platform.sources.base import PriceBasis


@dataclass(frozen=True)
class Case:
    """One ticker's delivery.

    bars: BAR_COLUMNS by date, good rows, as the vendor sent them. splits: ex_date and value of every split on file or
    named. stored: BAR_COLUMNS by date, raw, what is stored of the ticker. others: BAR_COLUMNS of other tickers that
    share a day and a volume with bars that may be theirs.
    """

    bars: pl.DataFrame
    splits: pl.DataFrame
    price_basis: PriceBasis
    stored: pl.DataFrame
    others: pl.DataFrame

    def after(self, finding: "Finding") -> "Case":
        """The case with the finding's rows mended, or taken out where they are held."""
        rest = self.bars.join(finding.rows.select("date"), on="date", how="anti")
        bars = pl.concat([rest, finding.rows.select(rest.columns)]).sort("date") if finding.certain else rest
        return replace(self, bars=bars)


@dataclass(frozen=True)
class Finding:
    """A defect in some rows of a delivery.

    rows: BAR_COLUMNS by date; when certain, with the values that belong there, else as they were sent. reason: a
    sentence that is the same whenever the same rows come again. evidence: the figures that speak for it.
    """

    defect: str
    rows: pl.DataFrame
    certain: bool
    reason: str
    evidence: str
