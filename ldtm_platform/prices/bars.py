"""What a good daily bar is, and the sorting of a vendor's rows into good ones and bad ones with their reasons."""

import json
from datetime import date, datetime
from math import isfinite
from typing import Any

import dataframely as dy
import polars as pl

from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import BAR_COLUMNS, PRICE_COLUMNS, as_date, as_number

# Vendors compute adjusted prices in floats: a high may lie a last bit below the close that it equals.
ROUNDING = 1e-9

# No share has cost a tenth of it; beyond it, adjusting and returns would overflow.
MOST_PRICE = 1e8

BAD_SCHEMA = {"ticker": pl.String, "date": pl.Date, "reason": pl.String, "payload": pl.String}


class DailyBar(dy.Schema):
    """A bar that may be stored: complete, finite, positive, consistent, and of a session of the exchange."""

    ticker = dy.String(nullable=False, min_length=1)
    date = dy.Date(nullable=False)
    open = dy.Float64(nullable=False, min_exclusive=0, max=MOST_PRICE)
    high = dy.Float64(nullable=False, min_exclusive=0, max=MOST_PRICE)
    low = dy.Float64(nullable=False, min_exclusive=0, max=MOST_PRICE)
    close = dy.Float64(nullable=False, min_exclusive=0, max=MOST_PRICE)
    volume = dy.Int64(nullable=False, min=0)

    @dy.rule()
    def high_is_the_highest(cls) -> pl.Expr:  # noqa: N805 - dataframely hands the schema in
        """No other price of the day is above the high."""
        return pl.col("high") * (1 + ROUNDING) >= pl.max_horizontal("open", "close", "low")

    @dy.rule()
    def low_is_the_lowest(cls) -> pl.Expr:  # noqa: N805
        """No other price of the day is below the low."""
        return pl.col("low") * (1 - ROUNDING) <= pl.min_horizontal("open", "close", "high")

    @dy.rule()
    def date_is_a_session(cls) -> pl.Expr:  # noqa: N805
        """The exchange traded on the day."""
        return pl.col("date").is_in(sessions_between(date.min, date.max))


class _NumberedBar(DailyBar):
    row = dy.UInt32(nullable=False)


_REASONS = {
    "high_is_the_highest": "the high is below another price of the day",
    "low_is_the_lowest": "the low is above another price of the day",
    "date_is_a_session": "the date is no session of the exchange",
    "nullability": "{column} is missing or unreadable",
    "nan": "{column} is not a number",
    "inf": "{column} is infinite",
    "min_exclusive": "{column} is not above zero",
    "min": "{column} is negative",
    "max": "{column} is above any price",
    "min_length": "{column} is empty",
}


def split_good_and_bad(frame: pl.DataFrame, through: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A vendor's rows sorted into (good, bad).

    good: BAR_COLUMNS with the dtypes of DailyBar, sorted by ticker and date, one row a key, none after `through`.
    bad: BAD_SCHEMA; reason says in words all that is wrong, payload is the vendor's row as JSON; ticker and date are
    null where they cannot be read. Equal rows count once. Rows that contradict each other are all bad: nothing says
    which is right. Raises ValueError when a column is missing; no value raises.
    """
    if missing := [column for column in BAR_COLUMNS if column not in frame.columns]:
        raise ValueError(f"bars lack the column {', '.join(missing)}; they have {', '.join(frame.columns)}")
    sent = frame.select(BAR_COLUMNS).unique(maintain_order=True).with_row_index("row")
    typed = _typed(sent)
    good, failure = _NumberedBar.filter(typed)
    details = failure.details()
    reasons = {row["row"]: reasons_of(row) for row in details.iter_rows(named=True)}
    late = good.filter(pl.col("date") > through)
    reasons |= {row: [f"the date is after {through}, the last session asked for"] for row in late["row"]}
    timely = good.filter(pl.col("date") <= through).unique(BAR_COLUMNS, maintain_order=True)
    conflict = timely.filter(pl.struct("ticker", "date").is_duplicated())
    reasons |= {row: ["another row of the same day says otherwise"] for row in conflict["row"]}
    kept = timely.filter(~pl.struct("ticker", "date").is_duplicated())
    return kept.drop("row").sort("ticker", "date"), _bad(sent, typed, reasons)


def _typed(sent: pl.DataFrame) -> pl.DataFrame:
    return sent.select(
        "row",
        pl.col("ticker").cast(pl.String, strict=False),
        as_date("date", sent.schema["date"]),
        *(as_number(column) for column in PRICE_COLUMNS),
        as_number("volume").round().cast(pl.Int64, strict=False),
    )


def reasons_of(row: dict[str, Any]) -> list[str]:
    """What is wrong with a row, in words, from its line of a dataframely failure's details."""
    failed = [name for name, verdict in row.items() if verdict == "invalid" and name not in BAR_COLUMNS]
    parts = [name.partition("|") for name in failed]
    said = [_REASONS.get(rule or column, f"{column} breaks {rule}").format(column=column) for column, _, rule in parts]
    # A price that is no number also breaks every comparison: one reason is enough.
    unreadable = [reason for reason in said if reason.endswith(("unreadable", "a number", "infinite"))]
    return sorted(unreadable or said)


def _bad(sent: pl.DataFrame, typed: pl.DataFrame, reasons: dict[int, list[str]]) -> pl.DataFrame:
    rows = [
        (ticker, day, "; ".join(reasons[row]), payload_of(sent.row(row, named=True)))
        for row, ticker, day in typed.select("row", "ticker", "date")
        .filter(pl.col("row").is_in(list(reasons)))
        .iter_rows()
    ]
    return pl.DataFrame(rows, schema=BAD_SCHEMA, orient="row")


def payload_of(row: dict[str, Any]) -> str:
    """A vendor's row as JSON that PostgreSQL can store."""
    return json.dumps({name: _plain(value) for name, value in row.items() if name != "row"}, sort_keys=True)


def _plain(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        return str(value)  # JSON has no NaN
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL's has no NUL
    return value.isoformat() if isinstance(value, date | datetime) else value
