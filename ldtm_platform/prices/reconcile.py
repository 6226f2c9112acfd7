"""What a vendor sends now against what is stored: new rows, rows it rewrote, and splits that explain a rewriting.

Per ticker and pure. Stored bars are raw and stay untouched where the vendor still says the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import log

import polars as pl

from ldtm_platform.prices.adjust import to_raw, with_split_factor
from ldtm_platform.prices.rewritten import CENT_ROUNDING, PRICE_TOLERANCE, InferredSplit, inferred_splits
from ldtm_platform.sessions import next_session
from ldtm_platform.sources.base import ACTIONS_SCHEMA, BAR_COLUMNS, PRICE_COLUMNS, PriceBasis

# Measured on the same two downloads as the tolerance of prices: 98.2 % of the volumes are equal to the last share, and
# nine in ten of the others differ by more than 1e-4 (13 by more than 1 %): real corrections, none of them rounding.
VOLUME_TOLERANCE = 1e-4
SPLIT_COLUMNS = ("ticker", "ex_date", "value")
_SAME_RATIO = 0.02


@dataclass(frozen=True)
class Reconciled:
    """What is to be done about one ticker.

    new: BAR_COLUMNS, raw. restated: BAR_COLUMNS with the values to store, and old_<column> of each value before.
    unchanged: rows that both sides tell alike. inferred: splits found in the prices (ACTIONS_SCHEMA). withdrawn: splits
    found earlier that the vendor now dates itself. needs_full_history: older bars are stored than were sent, and they
    are in doubt: prices differ already at the oldest row sent, or a split is named that lies within what is stored.
    contradiction: why none of it may be stored, for people.
    """

    new: pl.DataFrame
    restated: pl.DataFrame
    unchanged: int
    inferred: pl.DataFrame
    withdrawn: pl.DataFrame
    needs_full_history: bool
    contradiction: str | None


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
    withdrawn = _withdrawn(stored_splits, named_splits)
    kept = stored_splits.join(withdrawn, on="ex_date", how="anti")
    fresh = named_splits.join(kept, on="ex_date", how="anti")
    known = pl.concat([kept.join(named_splits, on="ex_date", how="anti").select(SPLIT_COLUMNS), named_splits])
    plain = _raw(incoming, known, price_basis)
    before = _compared(stored, plain)
    found = inferred_splits(_closes(before)) if price_basis == "split_adjusted" else []
    contradiction = _contradiction(stored, before, fresh) if price_basis == "split_adjusted" else None
    named_late = price_basis == "split_adjusted" and _named_late(stored, fresh)
    if named_late:
        # Stored rows before it were on the basis after it: they are put right as restatements.
        found = []
    contradiction = contradiction or _misfit(found, known) or _older(stored, incoming, before)
    inferred = _dated(stored, found)
    raw = _raw(incoming, pl.concat([known, inferred.select(SPLIT_COLUMNS)]), price_basis) if found else plain
    compared = _compared(stored, raw) if found else before
    restated = compared.filter(pl.col("prices_differ") | pl.col("volume_differs"))
    return Reconciled(
        new=raw.join(stored, on="date", how="anti").select(BAR_COLUMNS).sort("date"),
        restated=_replacement(restated),
        unchanged=compared.height - restated.height,
        inferred=inferred,
        withdrawn=withdrawn,
        needs_full_history=_needs_more(stored, incoming, before, named_late),
        contradiction=contradiction,
    )


def _raw(incoming: pl.DataFrame, splits: pl.DataFrame, price_basis: PriceBasis) -> pl.DataFrame:
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
    differences = [
        (pl.col(name) - pl.col(f"old_{name}")).abs()
        > PRICE_TOLERANCE * pl.col(f"old_{name}") + CENT_ROUNDING * pl.col("scale")
        for name in PRICE_COLUMNS
    ]
    shares = (pl.col("volume") - pl.col("old_volume")).abs()
    return (
        raw.join(old, on="date", how="inner")
        .sort("date")
        .with_columns(
            prices_differ=pl.any_horizontal(differences),
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


def _withdrawn(stored_splits: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Splits found in prices whose true day the vendor names now: the same value, on a later day not known before."""
    found = stored_splits.filter("detected")
    fresh = named.join(stored_splits, on="ex_date", how="anti").select("value", named_date="ex_date")
    same = found.join(fresh, how="cross", suffix="_named").filter(
        ((pl.col("value") / pl.col("value_named") - 1).abs() < 1e-6) & (pl.col("named_date") > pl.col("ex_date"))
    )
    return same.select(SPLIT_COLUMNS).unique(maintain_order=True)


def _named_late(stored: pl.DataFrame, fresh: pl.DataFrame) -> bool:
    return not stored.is_empty() and fresh.filter(pl.col("ex_date") <= _last_day(stored)).height > 0


def _dated(stored: pl.DataFrame, found: Sequence[InferredSplit]) -> pl.DataFrame:
    if not found:
        return pl.DataFrame(schema=ACTIONS_SCHEMA)
    after_last = next_session(_last_day(stored))
    ticker = stored["ticker"][0]
    rows = [(ticker, split.ex_date or after_last, "split", split.value) for split in found]
    return pl.DataFrame(rows, schema=ACTIONS_SCHEMA, orient="row")


def _contradiction(stored: pl.DataFrame, compared: pl.DataFrame, fresh: pl.DataFrame) -> str | None:
    """A split is named that the vendor's own prices do not show yet: taken at its word, history would be spoilt."""
    for _, day, value in fresh.select(SPLIT_COLUMNS).iter_rows():
        ratios = compared.filter(pl.col("date") < day).select((pl.col("old_close") / pl.col("close")).median()).item()
        unadjusted = ratios is not None and abs(ratios * value - 1) < _SAME_RATIO
        if unadjusted and _already_jumps(stored, day, value):
            return (
                f"a split of {value:g} on {day} is named, but the prices before it are not adjusted for it: nothing "
                "was stored. Ingest again when the vendor has caught up, or correct the split"
            )
    return None


def _already_jumps(stored: pl.DataFrame, day: date, value: float) -> bool:
    """Whether the stored closes show the split themselves, or end before it."""
    after = stored.filter(pl.col("date") >= day)
    if after.is_empty():
        return True
    jump = stored.filter(pl.col("date") < day)["close"][-1] / after["close"][0]
    return abs(log(jump / value)) < abs(log(jump))


def _misfit(found: Sequence[InferredSplit], known: pl.DataFrame) -> str | None:
    """A split that prices seem to show cannot be one: its day has one already."""
    days = known["ex_date"].to_list()
    for split in found:
        if split.ex_date in days:
            return (
                f"the prices before {split.ex_date} are not adjusted for the split recorded on that day: nothing was "
                "stored. Use the source that this history came from, or correct the split"
            )
    return None


def _older(stored: pl.DataFrame, incoming: pl.DataFrame, compared: pl.DataFrame) -> str | None:
    """A download that ends early and differs up to its end: bars stored after it would be left on another basis."""
    if compared.is_empty() or not compared["prices_differ"][-1] or _last_day(incoming) >= _last_day(stored):
        return None
    return (
        f"the prices end on {_last_day(incoming)} and differ there from what is stored, which goes on to "
        f"{_last_day(stored)}: an older download. Nothing was stored; use a newer one"
    )


def _first_day(bars: pl.DataFrame) -> date:
    days: list[date] = bars["date"].to_list()
    return min(days)


def _last_day(bars: pl.DataFrame) -> date:
    days: list[date] = bars["date"].to_list()
    return max(days)
