"""Real tables with a vendor's defect, beside the same tables repaired by hand: what is found, and what is put right."""

from pathlib import Path

import pytest

from ldtm_platform.prices.defects.dividends import doubled_dividends, missing_dividends
from ldtm_platform.prices.defects.finding import Case
from ldtm_platform.prices.defects.mended import mended
from ldtm_platform_tests.prices.defects.measuring import Counted, counted_pair, pair, vendor_table

PAIRS = {
    "4063-T-1d-bad-stock-split": Counted(rows=9, found=9, repaired=9),
    "DEX-AX-1d-bad-stock-split": Counted(rows=15, found=15, repaired=15),
    "MOB-ST-1d-bad-stock-split": Counted(rows=1, found=1, repaired=1),
    # The step is 19, not the split's 10: half of it was a rights issue. Found, and not certain.
    "SPM-MI-1d-bad-stock-split": Counted(rows=13, found=13, repaired=0),
    "SSW-JO-1d-100x-error": Counted(rows=22, found=22, repaired=22),
    # What is broken there is the adjusted close and the list of dividends: no column that is stored as a bar.
    "8TRA-DE-1d-missing-div-adjust": Counted(),
    "SAND-1d-bad-div": Counted(),
}


@pytest.fixture
def tables(shared_data: Path) -> Path:
    return shared_data / "wire" / "yfinance_defects"


@pytest.mark.parametrize("name", PAIRS)
def test_broken_rows_are_found_and_the_certain_ones_get_the_given_values(tables: Path, name: str) -> None:
    assert counted_pair(pair(tables, name)) == PAIRS[name]


@pytest.mark.parametrize("name", PAIRS)
def test_the_repaired_tables_are_sound(tables: Path, name: str) -> None:
    bars, splits, _ = vendor_table(tables / f"{name}-fixed.csv")
    assert mended(Case(bars, splits, "split_adjusted", bars.clear(), bars.clear())).said == ""


def test_what_was_repaired_is_sound_and_repairing_it_again_changes_nothing(tables: Path) -> None:
    for name in PAIRS:
        broken = pair(tables, name)
        once = mended(Case(broken.bars, broken.splits, "split_adjusted", broken.bars.clear(), broken.bars.clear()))
        again = mended(Case(once.bars, broken.splits, "split_adjusted", broken.bars.clear(), broken.bars.clear()))
        assert again.said == ""
        assert again.bars.equals(once.bars)


def test_the_dividend_that_the_vendor_made_up_is_the_one_that_is_held(tables: Path) -> None:
    broken = vendor_table(tables / "SAND-1d-bad-div.csv")[2]
    fixed = vendor_table(tables / "SAND-1d-bad-div-fixed.csv")[2]
    assert set(doubled_dividends(broken)) == set(broken["ex_date"]) - set(fixed["ex_date"])
    assert doubled_dividends(fixed) == []
    # The quarter of April 2024 is in neither table.
    assert [day.strftime("%Y-%m") for day in missing_dividends(fixed)] == ["2024-04"]


def test_sound_intraday_dividends_raise_nothing(tables: Path) -> None:
    dividends = vendor_table(tables / "EA-15m-no-bad-divs.csv")[2]
    assert dividends.height == 1
    assert (doubled_dividends(dividends), missing_dividends(dividends)) == ([], [])
