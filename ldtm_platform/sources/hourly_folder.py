"""Hourly bars from files: a folder, or one file, of Parquet or CSV.

Columns, in any order and any case: ticker (or the file's name), the bar's start, open, high, low, close, volume, and
optionally segment: which series a row is of, where a file holds several that were cut differently. The start is called
start_at, ts, timestamp, datetime or date, and tells its zone: a Parquet timestamp with one, or text with an offset
(2024-06-03T13:30:00Z, 2024-06-03 09:30:00-04:00). Other columns are left aside, nothing is judged here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

import polars as pl

from ldtm_platform.sessions import NEW_YORK
from ldtm_platform.sources.base import BarRequest, PriceBasis, SourceError
from ldtm_platform.sources.downloads import ticker_of
from ldtm_platform.sources.folder import scanned, tables_in
from ldtm_platform.sources.hourly import HOUR_COLUMNS, HourlySource, TickerHours, as_instant, no_hours

_STARTS = ("start_at", "ts", "timestamp", "datetime", "date")
_NEEDED = HOUR_COLUMNS[2:-1]


@dataclass(frozen=True)
class _HourFile:
    """A file's rows in HOUR_COLUMNS; or what is wrong with it."""

    path: Path
    rows: pl.LazyFrame | None
    trouble: str = ""


class HourlyFolder(HourlySource):
    """The files of a folder, or one file. See the module for the layout."""

    name = "folder"
    rereads_history = True

    def __init__(self, path: Path, *, price_basis: PriceBasis) -> None:
        self._path = path.expanduser()
        self.price_basis = price_basis

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerHours]:
        """One answer per request. A file that cannot be read spoils only the tickers that it would have served.

        Raises SourceError when the folder is missing or holds no file of bars.
        """
        paths = tables_in(self._path)
        if not paths:
            raise SourceError(
                f"no hourly bars at {self._path}: put Parquet or CSV files there "
                f"(ticker, start_at, {', '.join(_NEEDED)})"
            )
        files = [_opened(path) for path in paths]
        for request in requests:
            yield _answer(request, files, self._path)


def _opened(path: Path) -> _HourFile:
    try:
        rows = scanned(path)
        names = rows.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        return _HourFile(path, None, f"{path} cannot be read: {str(error).splitlines()[0]}")
    starts = [name for name in _STARTS if name in names]
    missing = [name for name in _NEEDED if name not in names] + ([] if starts else ["start_at"])
    if missing:
        return _HourFile(path, None, f"{path} lacks the column {', '.join(missing)}")
    given = {} if "ticker" in names else {"ticker": pl.lit(ticker_of(path))}
    given |= {} if "segment" in names else {"segment": pl.lit("")}
    renamed = rows.with_columns(**given, start_at=pl.col(starts[0]))
    return _HourFile(path, renamed.select(HOUR_COLUMNS))


def _answer(request: BarRequest, files: Sequence[_HourFile], root: Path) -> TickerHours:
    ticker = request.ticker
    own = [file for file in files if file.trouble and ticker_of(file.path) == ticker.upper()]
    if own:
        return no_hours(ticker, f"{own[0].trouble}: mend or remove it")
    try:
        parts = [file.rows.filter(pl.col("ticker") == ticker).collect() for file in files if file.rows is not None]
    except (pl.exceptions.PolarsError, OSError) as error:
        return no_hours(ticker, f"{root} cannot be read: {str(error).splitlines()[0]}")
    parts = [_in_range(part, request) for part in parts if part.height]
    if not parts:
        unread = "; ".join(file.trouble for file in files if file.trouble)
        return no_hours(ticker, f"{ticker} is in no file of {root} ({unread})" if unread else None)
    same = len({tuple(part.schema.items()) for part in parts}) == 1
    return TickerHours(ticker, pl.concat(parts if same else [part.cast(pl.String) for part in parts]))


def _in_range(part: pl.DataFrame, request: BarRequest) -> pl.DataFrame:
    first, after = (datetime.combine(day, time(), NEW_YORK).astimezone(UTC) for day in (request.start, request.end))
    start = as_instant("start_at", part.schema["start_at"])
    return part.filter(start.is_null() | ((start >= first) & (start < after)))
