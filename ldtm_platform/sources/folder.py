"""Prices from files: a folder, or one file, of Parquet or CSV.

Layout:
- Every *.parquet and *.csv directly in the folder is read, in the order of their names. Columns, in any order and any
  case: ticker, date, open, high, low, close, volume; optionally dividends and stock_splits (0 or empty where there is
  none). Other columns are left aside.
- A file may hold many tickers, or be one per ticker: without a column ticker its name is the ticker (AAPL.csv).
- actions.parquet or actions.csv, when present, is no prices but corporate actions: ticker, ex_date, kind (split,
  dividend or halt), value (new shares per old for a split, cash a share for a dividend, empty for a halt). It is the
  place for corrections: for a ticker, day and kind that it names, the columns dividends and stock_splits do not count.
- Dates are dates, timestamps, or text that begins with YYYY-MM-DD.
- CSV downloads of Stooq and nasdaq.com are read as they are: see downloads.py.

Nothing is cleaned here and otherwise no row wins over another: bars that two files tell differently, actions that the
actions file (or two files' columns) tell differently, and actions whose date cannot be read go on as they are, to be
quarantined where bars and actions are judged. Equal actions count once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ldtm_platform.sources.base import (
    ACTIONS_SCHEMA,
    BAR_COLUMNS,
    BarRequest,
    MarketDataSource,
    PriceBasis,
    SourceError,
    TickerBars,
    as_date,
    as_number,
    no_actions,
    no_answer,
)
from ldtm_platform.sources.downloads import column_name, plain_values, ticker_of

_ACTION_COLUMNS = {"stock_splits": "split", "dividends": "dividend"}
_WANTED = (*BAR_COLUMNS, *_ACTION_COLUMNS)


@dataclass(frozen=True)
class _PriceFile:
    """A file's rows, all columns as text or as typed, with a column ticker; or what is wrong with it."""

    path: Path
    rows: pl.LazyFrame | None
    trouble: str = ""


class FolderSource(MarketDataSource):
    """The files of a folder, or one file. See the module for the layout."""

    name = "folder"
    rereads_history = True

    def __init__(self, path: Path, *, price_basis: PriceBasis = "split_adjusted") -> None:
        self._path = path.expanduser()
        self.price_basis = price_basis

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request. A file that cannot be read spoils only the tickers that it would have served.

        Raises SourceError when the folder is missing or holds no price file.
        """
        price_files, action_files = _listed(self._path)
        files = [_opened(path) for path in price_files]
        actions = _named_actions(action_files)
        for request in requests:
            yield _answer(request, files, actions, self._path)


def tables_in(path: Path) -> list[Path]:
    """The Parquet and CSV files of a folder, by name, or the one file. Raises SourceError when it does not exist."""
    if not path.exists():
        raise SourceError(f"no prices at {path}: it does not exist")
    candidates = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file for file in candidates if file.suffix.lower() in (".parquet", ".csv")]


def _listed(path: Path) -> tuple[list[Path], list[Path]]:
    tables = tables_in(path)
    prices = [file for file in tables if file.stem.lower() != "actions"]
    if not prices:
        raise SourceError(f"no prices at {path}: put Parquet or CSV files there ({', '.join(BAR_COLUMNS)})")
    return prices, [file for file in tables if file not in prices]


def scanned(path: Path) -> pl.LazyFrame:
    """A file's rows under the folder's names of columns; raises what Polars does when it is opened or collected."""
    # CSV is read as text: a cell that is no number is the judgement of prices/bars.py, not an error of the whole file.
    if path.suffix.lower() == ".parquet":
        rows = pl.scan_parquet(path)
        return rows.rename({name: column_name(name) for name in rows.collect_schema().names()})
    rows = pl.scan_csv(path, infer_schema=False)
    names = [column_name(name) for name in rows.collect_schema().names()]
    return rows.rename(dict(zip(rows.collect_schema().names(), names, strict=True))).with_columns(plain_values(names))


def _opened(path: Path) -> _PriceFile:
    try:
        rows = scanned(path)
        names = rows.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        return _PriceFile(path, None, f"{path} cannot be read: {str(error).splitlines()[0]}")
    if "ticker" not in names:
        rows = rows.with_columns(ticker=pl.lit(ticker_of(path)))
    if missing := [column for column in BAR_COLUMNS if column not in (*names, "ticker")]:
        return _PriceFile(path, None, f"{path} lacks the column {', '.join(missing)}")
    return _PriceFile(path, rows.select(column for column in (*_WANTED,) if column in (*names, "ticker")))


def _named_actions(paths: Sequence[Path]) -> pl.DataFrame:
    if not paths:
        return no_actions()
    frames = []
    for path in paths:
        try:
            rows = scanned(path).collect()
            frames.append(
                rows.select(
                    pl.col("ticker").cast(pl.String),
                    as_date("ex_date", rows.schema["ex_date"]),
                    pl.col("kind").cast(pl.String),
                    as_number("value"),
                )
            )
        except (pl.exceptions.PolarsError, OSError, KeyError) as error:
            # Without its splits a split-adjusted history would be stored on a wrong basis: better nothing at all.
            raise SourceError(f"{path} is no table of {', '.join(ACTIONS_SCHEMA)}: {error}") from error
    return pl.concat(frames)


def _answer(request: BarRequest, files: Sequence[_PriceFile], named: pl.DataFrame, root: Path) -> TickerBars:
    ticker = request.ticker
    own = [file for file in files if file.trouble and ticker_of(file.path) == ticker.upper()]
    if own:
        return no_answer(ticker, f"{own[0].trouble}: mend or remove it")
    try:
        parts = [file.rows.filter(pl.col("ticker") == ticker).collect() for file in files if file.rows is not None]
    except (pl.exceptions.PolarsError, OSError) as error:
        return no_answer(ticker, f"{root} cannot be read: {str(error).splitlines()[0]}")
    parts = [part for part in parts if part.height]
    if not parts:
        unread = "; ".join(file.trouble for file in files if file.trouble)
        said = f"{ticker} is in no file of {root}" + (f" ({unread})" if unread else "")
        return no_answer(ticker, said, gone=not unread)
    bars = pl.concat([_in_range(part, request).select(BAR_COLUMNS) for part in _same_types(parts)])
    corrections = named.filter(pl.col("ticker") == ticker)
    in_columns = pl.concat([_column_actions(part) for part in parts])
    actions = pl.concat([in_columns.join(corrections, on=["ex_date", "kind"], how="anti"), corrections])
    return TickerBars(ticker, bars, _known(actions, request))


def _same_types(parts: Sequence[pl.DataFrame]) -> Sequence[pl.DataFrame]:
    if len({tuple(part.select(BAR_COLUMNS).schema.items()) for part in parts}) == 1:
        return parts
    return [part.cast(pl.String) for part in parts]


def _in_range(part: pl.DataFrame, request: BarRequest) -> pl.DataFrame:
    day = as_date("date", part.schema["date"])
    return part.filter(day.is_null() | ((day >= request.start) & (day < request.end)))


def _column_actions(part: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        [no_actions()]
        + [
            part.select(
                "ticker",
                as_date("date", part.schema["date"]).alias("ex_date"),
                kind=pl.lit(kind),
                value=as_number(column),
            ).filter(pl.col("value") > 0)
            for column, kind in _ACTION_COLUMNS.items()
            if column in part.columns
        ]
    )


def _known(actions: pl.DataFrame, request: BarRequest) -> pl.DataFrame:
    # Splits outside the range too: split-adjusted prices are restated for every split up to the download.
    day, kind = pl.col("ex_date"), pl.col("kind")
    in_range = (day >= request.start) & (day < request.end)
    dated = kind.is_in(["dividend", "halt"]).fill_null(False) & day.is_not_null()
    kept = actions.filter(~dated | in_range)
    return kept.unique(maintain_order=True).sort("ex_date", "kind", maintain_order=True)
