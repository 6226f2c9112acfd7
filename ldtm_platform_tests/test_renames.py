"""Symbol changes in the universe file: one line each, and what is wrong with a line is said."""

from datetime import date
from pathlib import Path

import pytest

from ldtm_platform.renames import FormerName, Rename, former_names
from ldtm_platform.universe import UniverseError, load_universe


def universe(folder: Path, aliases: str) -> Path:
    path = folder / "universe.toml"
    path.write_text(f'[sectors]\ninternet = ["META", "C"]\n[aliases]\n{aliases}\n')
    return path


def test_the_universe_that_comes_with_it_knows_facebook() -> None:
    assert load_universe().renames == (Rename("FB", "META", date(2022, 6, 9), "META"),)


def test_a_name_that_changed_twice_leads_to_todays(tmp_path: Path) -> None:
    lines = 'B = { to = "C", on = 2020-03-02 }\nA = { to = "B", on = 2010-01-04 }\nX = { to = "Y", on = 2020-01-02 }'
    renames = load_universe(universe(tmp_path, lines)).renames
    # X leads to no ticker of this universe.
    assert [(rename.old, rename.current) for rename in renames] == [("A", "C"), ("B", "C")]
    assert former_names(renames) == {
        "C": (FormerName("A", date.min, date(2010, 1, 4)), FormerName("B", date(2010, 1, 4), date(2020, 3, 2)))
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('FB = "META"', "FB must be written like"),
        ('fb = { to = "META", on = 2022-06-09 }', "fb must be written like .* in upper case"),
        ('FB = { to = "META" }', "FB must be written like"),
        ('FB = { to = "META", on = "2022-06-09" }', "FB must be written like"),
        ('FB = { to = "META", on = 2022-06-09T10:00:00 }', "FB must be written like"),
        ('FB = { to = "FB", on = 2022-06-09 }', "FB must be written like"),
        ('A = { to = "B", on = 2020-01-02 }\nB = { to = "A", on = 2021-01-04 }', "A to B to A leads in a circle"),
        ('A = { to = "B", on = 2020-01-02 }\nB = { to = "C", on = 2019-01-02 }', "B was given up on 2019"),
        ('C = { to = "META", on = 2022-06-09 }', "both a ticker and a former name of one: C"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_is_named(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(UniverseError, match=told):
        load_universe(universe(tmp_path, line))


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "universe.toml"
    path.write_text('aliases = 3\n[sectors]\ninternet = ["META"]\n')
    with pytest.raises(UniverseError, match="must be a table of OLD"):
        load_universe(path)
