"""What a vendor may do to a series that another vendor of its chain has written: add to it, where both agree."""

from dataclasses import replace

import polars as pl

from ldtm_platform.prices.reconcile import Reconciled
from ldtm_platform.prices.stored import Stored

# Vendors differ in single prices (late corrections); in many only where they tell of other prices.
_FEW = 0.1


class Refused(Exception):
    """This ticker's answer may not be stored; the message is for people."""


def additions_only(reconciled: Reconciled, stored: Stored, source: str, actions: pl.DataFrame) -> Reconciled:
    """What is to be stored of a vendor's answer where another vendor served the ticker last: rows that are new.

    The same vendor's answer is returned as it is, and so is one that names a split not on file: it rewrites history for
    a reason. Raises Refused when more than a few of the prices that both have differ.
    """
    if stored.source is None or source == stored.source or reconciled.restated.is_empty() or reconciled.contradiction:
        return reconciled
    named = actions.filter(pl.col("kind") == "split").join(stored.splits, on="ex_date", how="anti")
    if named.height or reconciled.inferred.height or reconciled.withdrawn.height:
        return reconciled
    prices = [pl.col(name) != pl.col(f"old_{name}") for name in ("open", "high", "low", "close")]
    differ = reconciled.restated.filter(pl.any_horizontal(*prices))
    both = reconciled.unchanged + reconciled.restated.height
    if differ.height > max(1, _FEW * both):
        raise Refused(
            f"{source} has other prices than {stored.source}, which served it before, on {differ.height} of {both} "
            f"days, such as {differ['date'][0]}: the two are not mixed. Nothing was stored; ingest again when "
            f"{stored.source} answers"
        )
    return replace(reconciled, restated=reconciled.restated.clear(), unchanged=both)
