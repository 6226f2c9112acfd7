"""CSV files as vendors' sites hand them out, said in the folder's own words: headers, dates, numbers, file names.

- Stooq (aapl_us_d.csv): English or Polish headers, or <TICKER>,<DATE>,.. in the bulk files with AAPL.US and YYYYMMDD.
  Its prices are adjusted for dividends too unless that is switched off when downloading: then, and only then, they are
  `split_adjusted`.
- nasdaq.com (AAPL_historical.csv; the site's own name HistoricalData_*.csv does not say whose it is: rename it):
  newest first, MM/DD/YYYY, $ before prices, commas in volumes. Adjusted for splits.
"""

import re
from collections.abc import Collection
from pathlib import Path

import polars as pl

from ldtm_platform.sources.base import PRICE_COLUMNS

_NAMES = {
    "data": "date",
    "otwarcie": "open",
    "najwyzszy": "high",
    "najwyższy": "high",
    "najnizszy": "low",
    "najniższy": "low",
    "zamkniecie": "close",
    "zamknięcie": "close",
    "wolumen": "volume",
    "close/last": "close",
    "vol": "volume",
}
_FILE_OF = re.compile(r"(?P<ticker>.+?)(_us_d|\.us|_historical)(_\d+)?", re.IGNORECASE)


def column_name(header: str) -> str:
    """The folder's name of a column."""
    name = header.strip().strip("<>").lower().replace(" ", "_")
    return _NAMES.get(name, name)


def ticker_of(path: Path) -> str:
    """Whose prices a file holds, by its name: AAPL of AAPL.csv, aapl_us_d.csv and AAPL_historical.csv."""
    known = _FILE_OF.fullmatch(path.stem)
    return (known["ticker"] if known else path.stem).upper()


def plain_values(columns: Collection[str]) -> list[pl.Expr]:
    """Columns of text with their dates as YYYY-MM-DD and their numbers bare; what is neither is left as it is."""
    changed = [_date()] if "date" in columns else []
    changed += [_number(name, rf"^\${_GROUPED}$") for name in PRICE_COLUMNS if name in columns]
    # A comma in a volume groups thousands; in a price without $ it may as well be a decimal comma.
    changed += [_number("volume", rf"^{_GROUPED}$")] if "volume" in columns else []
    return changed + ([_ticker()] if "ticker" in columns else [])


_GROUPED = r"\d+(,\d{3})*(\.\d+)?"


def _number(name: str, pattern: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars()
    return pl.when(text.str.contains(pattern)).then(text.str.replace_all(r"[$,]", "")).otherwise(pl.col(name))


def _date() -> pl.Expr:
    text = pl.col("date").str.strip_chars()
    month = text.str.extract(r"^(\d{1,2})/\d{1,2}/\d{4}$").cast(pl.Int64)
    us = text.str.to_date("%m/%d/%Y", strict=False).cast(pl.String)
    compact = text.str.to_date("%Y%m%d", strict=False).cast(pl.String)
    return pl.coalesce(
        # One date of a thirteenth month, and the file's dates are day first: none of them can be trusted.
        pl.when(month.max() <= 12).then(us),
        pl.when(text.str.contains(r"^\d{8}$")).then(compact),
        "date",
    ).alias("date")


def _ticker() -> pl.Expr:
    return pl.col("ticker").str.strip_chars().str.replace(r"(?i)\.us$", "")
