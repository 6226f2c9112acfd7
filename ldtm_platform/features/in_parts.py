"""Features of more bars than fit into memory: the same expressions, some tickers at a time.

Parts of whole tickers, and not Polars' streaming engine: that one holds every row of an `.over("ticker")` at once, so
its memory grows with the file (docs/features-speed.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from ldtm_platform.features.engineer import engineer
from ldtm_platform.features.feature_set import FEATURE_SET

# About 100 MB of bars, features and what lies between; the working memory of a part stays in a processor's cache.
PART_ROWS = 200_000


def engineer_in_parts(
    bars: pl.LazyFrame,
    splits: pl.DataFrame,
    features: Mapping[str, pl.Expr] = FEATURE_SET,
    *,
    part_rows: int = PART_ROWS,
) -> Iterator[pl.DataFrame]:
    """The rows that `engineer` gives, equal to the last bit, as frames of some tickers each, by ticker.

    bars: columns and rows as `engineer` takes them, of pl.scan_parquet or the like, in any order; each part reads what
    it needs of them, and in files sorted by ticker no more than that. A part holds as many tickers as have part_rows
    bars together, or a single one with more.
    """
    counts = bars.group_by("ticker").len().collect(engine="streaming").sort("ticker")
    for first, last in _runs(counts.rows(), part_rows):
        of_part = pl.col("ticker").is_between(pl.lit(first), pl.lit(last))
        yield engineer(bars.filter(of_part).collect(engine="streaming"), splits.filter(of_part), features)


def write_features(
    bars: pl.LazyFrame,
    splits: pl.DataFrame,
    folder: Path,
    features: Mapping[str, pl.Expr] = FEATURE_SET,
) -> int:
    """Write the features of bars as Parquet files in a new folder, for pl.scan_parquet(folder); returns the rows.

    Raises FileExistsError when the folder is there.
    """
    folder.mkdir(parents=True)
    rows = 0
    for number, part in enumerate(engineer_in_parts(bars, splits, features)):
        part.write_parquet(folder / f"part-{number:05}.parquet")
        rows += part.height
    return rows


def _runs(counts: Sequence[tuple[str, int]], most: int) -> Iterator[tuple[str, str]]:
    """First and last ticker of each run that has at most so many rows, or is a single ticker."""
    first, held = 0, 0
    for at, (_, rows) in enumerate(counts):
        if at > first and held + rows > most:
            yield counts[first][0], counts[at - 1][0]
            first, held = at, 0
        held += rows
    if counts:
        yield counts[first][0], counts[-1][0]
