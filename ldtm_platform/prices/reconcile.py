"""What a vendor sends now against what is stored: new rows, rows it rewrote, and splits that explain a rewriting.

Per ticker and pure. Stored bars are raw and stay untouched where the vendor still says the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from ldtm_platform.prices import contradictions
from ldtm_platform.prices.adjust import to_raw, with_split_factor
from ldtm_platform.prices.rewritten import CENT_ROUNDING, PRICE_TOLERANCE, InferredSplit, inferred_splits
from ldtm_platform.prices.withdrawn import withdrawn_splits
from ldtm_platform.sessions import next_session
from ldtm_platform.sources.base import ACTIONS_SCHEMA, BAR_COLUMNS, PRICE_COLUMNS, PriceBasis

# Measured on the same two downloads as the tolerance of prices: 98.2 % of the volumes are equal to the last share, and
# nine in ten of the others differ by more than 1e-4 (13 by more than 1 %): real corrections, none of them rounding.
VOLUME_TOLERANCE = 1e-4
_SAME_VALUE = 1e-6
SPLIT_COLUMNS = ("ticker", "ex_date", "value")


@dataclass(frozen=True)
class Reconciled:
    """What is to be done about one ticker.

    new: BAR_COLUMNS, raw. restated: BAR_COLUMNS with the values to store, and old_<column> of each value before.
    unchanged: rows that both sides tell alike. inferred: splits found in the prices (ACTIONS_SCHEMA). withdrawn: splits
    on file that the vendor now dates otherwise. needs_full_history: older bars are stored than were sent, and they
    are in doubt: prices differ already at the oldest row sent, or a split is named that lies within what is stored.
    contradiction: why none of it may be stored, for people. splits: all that are known now, inferred ones included.
    """

    new: pl.DataFrame
    restated: pl.DataFrame
    unchanged: int
    inferred: pl.DataFrame
    withdrawn: pl.DataFrame
    needs_full_history: bool
    contradiction: str | None
    splits: pl.DataFrame


def reconcile(
    stored: pl.DataFrame,
    incoming: pl.DataFrame,
    *,
    stored_splits: pl.DataFrame,
    named_splits: pl.DataFrame,
    price_basis: PriceBasis,
) -> Reconciled:
    """Compare one ticker's whole stored history, raw, with good bars as a vendor sent them.

    stored, incoming: BAR_COLUMNS by date. stored_splits: ticker, ex_date, value, detected (found in prices, not named).
    named_splits: ticker, ex_date, value, as the vendor names them now; they win over a stored one of the same day.
    """
    told = _told(stored_splits, named_splits)
    plain = as_traded(incoming, told.known, price_basis)
    before = _compared(stored, plain)
    adjusting = price_basis == "split_adjusted"
    # Then stored rows are on the basis of the splits known before: they are put right as restatements.
    named_late = adjusting and _within(stored, pl.concat([told.fresh["ex_date"], told.left]))
    found = inferred_splits(_closes(before)) if adjusting and not named_late else []
    inferred = _dated(stored, found)
    splits = pl.concat([told.known, inferred.select(SPLIT_COLUMNS)])
    raw = as_traded(incoming, splits, price_basis) if found else plain
    compared = _compared(stored, raw) if found else before
    restated = compared.filter(pl.col("prices_differ") | pl.col("volume_differs"))
    objection = _unadjusted(stored, before, told) if adjusting else contradictions.wholesale(before)
    return Reconciled(
        new=raw.join(stored, on="date", how="anti").select(BAR_COLUMNS).sort("date"),
        restated=_replacement(restated),
        unchanged=compared.height - restated.height,
        inferred=inferred,
        withdrawn=told.withdrawn.select(SPLIT_COLUMNS),
        needs_full_history=_needs_more(stored, incoming, before, named_late),
        contradiction=contradictions.another_unit(before)
        or objection
        or contradictions.misfit(found, told.known)
        or contradictions.older(stored, incoming, before),
        splits=splits,
    )


def as_traded(incoming: pl.DataFrame, splits: pl.DataFrame, price_basis: PriceBasis) -> pl.DataFrame:
    """The bars as traded, with scale: the most that a rounding of the vendor's may have been multiplied by."""
    if price_basis == "raw" or splits.is_empty():
        return incoming.with_columns(scale=pl.lit(1.0))
    # Whether the stored side was once divided by a split or not, its own rounding is within the larger of the two.
    upward = splits.with_columns(pl.col("value").clip(lower_bound=1.0))
    scale = upward["value"].product() / with_split_factor(incoming, upward)["split_factor"]
    return to_raw(incoming, splits).with_columns(pl.col("volume").round().cast(pl.Int64), scale=scale)


def _compared(stored: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """The rows that both sides have, by date, stored values as old_<column>, and whether prices or volume differ."""
    old = stored.select("date", pl.col(*PRICE_COLUMNS, "volume").name.prefix("old_"))
    differences = {
        name: (pl.col(name) - pl.col(f"old_{name}")).abs()
        > PRICE_TOLERANCE * pl.col(f"old_{name}") + CENT_ROUNDING * pl.col("scale")
        for name in PRICE_COLUMNS
    }
    shares = (pl.col("volume") - pl.col("old_volume")).abs()
    return (
        raw.join(old, on="date", how="inner")
        .sort("date")
        .with_columns(
            prices_differ=pl.any_horizontal(*differences.values()),
            close_differs=differences["close"],
            # One share is the rounding of an adjusted volume.
            volume_differs=shares > VOLUME_TOLERANCE * pl.col("old_volume") + 1,
        )
    )


def _closes(compared: pl.DataFrame) -> pl.DataFrame:
    return compared.select("date", "scale", stored="old_close", incoming="close")


def _needs_more(stored: pl.DataFrame, incoming: pl.DataFrame, compared: pl.DataFrame, named_late: bool) -> bool:
    if stored.is_empty() or (not incoming.is_empty() and _first_day(incoming) <= _first_day(stored)):
        return False
    return named_late or (not compared.is_empty() and bool(compared["prices_differ"][0]))


def _replacement(rows: pl.DataFrame) -> pl.DataFrame:
    # All four prices or none: a new close beside an old high, equal within rounding, could lie above it.
    new_prices = [pl.when("prices_differ").then(name).otherwise(f"old_{name}").alias(name) for name in PRICE_COLUMNS]
    volume = pl.when("volume_differs").then("volume").otherwise("old_volume").alias("volume")
    kept_old = [pl.col(f"old_{name}") for name in (*PRICE_COLUMNS, "volume")]
    return rows.select("ticker", "date", *new_prices, volume, *kept_old)


@dataclass(frozen=True)
class _Told:
    """What the vendor tells of splits. known: all that count now. fresh: not on file, or with another value there.

    withdrawn: on file and taken back, with detected. left: the days of those of them that were named once.
    """

    known: pl.DataFrame
    fresh: pl.DataFrame
    withdrawn: pl.DataFrame

    @property
    def left(self) -> pl.Series:
        return self.withdrawn.filter(~pl.col("detected"))["ex_date"]


def _told(stored: pl.DataFrame, named: pl.DataFrame) -> _Told:
    withdrawn = withdrawn_splits(stored, named)
    kept = stored.join(withdrawn, on="ex_date", how="anti")
    filed = named.join(kept.select("ex_date", filed="value"), on="ex_date", how="left")
    same = ((pl.col("filed") / pl.col("value") - 1).abs() < _SAME_VALUE).fill_null(False)
    known = pl.concat([kept.join(named, on="ex_date", how="anti").select(SPLIT_COLUMNS), named])
    return _Told(known, filed.filter(~same).select(SPLIT_COLUMNS), withdrawn)


def _unadjusted(stored: pl.DataFrame, before: pl.DataFrame, told: _Told) -> str | None:
    # Rows before a day that a split has left are still on the basis that it gave them: they tell nothing here.
    settled = before if told.left.is_empty() else before.filter(pl.col("date") >= told.left.max())
    return contradictions.unadjusted(stored, settled, told.fresh)


def _within(stored: pl.DataFrame, ex_dates: pl.Series) -> bool:
    return not stored.is_empty() and any(day <= _last_day(stored) for day in ex_dates)


def _dated(stored: pl.DataFrame, found: Sequence[InferredSplit]) -> pl.DataFrame:
    if not found:
        return pl.DataFrame(schema=ACTIONS_SCHEMA)
    after_last = next_session(_last_day(stored))
    ticker = stored["ticker"][0]
    rows = [(ticker, split.ex_date or after_last, "split", split.value) for split in found]
    return pl.DataFrame(rows, schema=ACTIONS_SCHEMA, orient="row")


def _first_day(bars: pl.DataFrame) -> date:
    days: list[date] = bars["date"].to_list()
    return min(days)


def _last_day(bars: pl.DataFrame) -> date:
    days: list[date] = bars["date"].to_list()
    return max(days)
