"""Features of more bars than fit into memory: those of all at once, to the last bit, some tickers at a time."""

from pathlib import Path

import polars as pl
import pytest

from ldtm_platform.features.engineer import engineer
from ldtm_platform.features.expressions import log_return
from ldtm_platform.features.feature_set import FEATURE_SET
from ldtm_platform.features.in_parts import engineer_in_parts, write_features
from ldtm_platform_tests.models.generated import NO_SPLITS, SESSIONS, random_bars, split_bars


def market() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars of seven tickers of different lengths, two of which split, in no order; and the splits."""
    lengths = {"A": 300, "AB": 80, "B": 60, "B.C": 150, "C": 61, "D": 200, "E": 120}
    bars = [random_bars(ticker, length) for ticker, length in lengths.items()]
    bars[0], first = split_bars(bars[0], SESSIONS[200], 3.0)
    bars[5], second = split_bars(bars[5], SESSIONS[100], 10.0)
    return pl.concat(bars).sample(fraction=1.0, shuffle=True, seed=0), pl.concat([first, second])


@pytest.mark.parametrize("part_rows", [1, 100, 250, 10_000])
def test_parts_together_are_what_all_bars_at_once_give(part_rows: int, tmp_path: Path) -> None:
    bars, splits = market()
    bars.write_parquet(tmp_path / "bars.parquet", row_group_size=64)
    parts = list(engineer_in_parts(pl.scan_parquet(tmp_path / "bars.parquet"), splits, part_rows=part_rows))
    assert pl.concat(parts).equals(engineer(bars, splits))


def test_a_part_holds_no_more_bars_than_asked_for_or_a_single_ticker() -> None:
    bars, splits = market()
    held = dict(bars.group_by("ticker").len().iter_rows())
    parts = list(engineer_in_parts(bars.lazy(), splits, part_rows=250))
    tickers = [part["ticker"].unique().to_list() for part in parts]
    assert len(parts) == 5
    assert all(len(each) == 1 or sum(held[ticker] for ticker in each) <= 250 for each in tickers)


def test_features_of_ones_own_are_made_beside_the_products() -> None:
    bars, splits = market()
    own = FEATURE_SET | {"ret20": log_return(20)}
    (part,) = engineer_in_parts(bars.lazy(), splits, own)
    assert part.columns == ["ticker", "date", *FEATURE_SET, "ret20", "split_factor"]
    assert part.drop("ret20").equals(engineer(bars, splits))
    # A split makes no step in it.
    assert part["ret20"].abs().max() < 1.0  # type: ignore[operator]


def test_features_are_written_as_a_folder_of_files_that_is_read_as_one(tmp_path: Path) -> None:
    bars, splits = market()
    folder = tmp_path / "features"
    rows = write_features(bars.lazy(), splits, folder)
    assert pl.read_parquet(folder).sort("ticker", "date").equals(engineer(bars, splits))
    assert rows == engineer(bars, splits).height
    with pytest.raises(FileExistsError):
        write_features(bars.lazy(), splits, folder)


def test_no_bars_give_no_rows(tmp_path: Path) -> None:
    none = market()[0].clear()
    assert list(engineer_in_parts(none.lazy(), NO_SPLITS)) == []
    assert write_features(none.lazy(), NO_SPLITS, tmp_path / "none") == 0
