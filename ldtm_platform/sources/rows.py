"""From a vendor's JSON to frames: any value may be of any type, and none of them stops the others."""

import json
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from ldtm_platform.sources.base import ACTIONS_SCHEMA, BAR_COLUMNS
from ldtm_platform.sources.vendor import Malformed


def bars_frame(ticker: str, days: Sequence[date | None], columns: Mapping[str, Sequence[object]]) -> pl.DataFrame:
    """BAR_COLUMNS of one ticker: numbers as floats; a column with anything else as text, to be judged by row.

    columns: open, high, low, close, volume, each as long as days.
    """
    series = [value_series(name, columns[name]) for name in BAR_COLUMNS[2:]]
    dated = [pl.Series("ticker", [ticker] * len(days), dtype=pl.String), pl.Series("date", days, dtype=pl.Date)]
    return pl.DataFrame([*dated, *series])


def actions_frame(ticker: str, rows: Sequence[tuple[date, str, float | None]]) -> pl.DataFrame:
    """ACTIONS_SCHEMA of one ticker from (ex_date, kind, value); several payments of one day are one dividend."""
    every = pl.DataFrame([(ticker, *row) for row in rows], schema=ACTIONS_SCHEMA, orient="row")
    paid = every.filter(kind="dividend").group_by("ticker", "ex_date", "kind").agg(pl.col("value").sum())
    return pl.concat([every.filter(pl.col("kind") != "dividend"), paid.select(every.columns)]).sort("ex_date", "kind")


def table(value: object, what: str) -> dict[str, object]:
    """A JSON object. Raises Malformed."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} is no JSON object")
    return value


def items(value: object, what: str) -> list[object]:
    """A JSON array. Raises Malformed."""
    if not isinstance(value, list):
        raise Malformed(f"{what} is no JSON array")
    return value


def number(value: object, what: str) -> float:
    """A finite JSON number. Raises Malformed."""
    if isinstance(value, int | float) and _is_finite(value):
        return float(value)
    raise Malformed(f"{what} is no number")


def value_series(name: str, values: Sequence[object]) -> pl.Series:
    """A column of numbers as floats; one with anything else as text."""
    if all(value is None or _is_finite(value) for value in values):
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _text(value: object) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    # Neither halves of surrogate pairs nor NUL can be stored.
    return text.encode("utf-8", "replace").decode().replace("\0", "?")[:200]
