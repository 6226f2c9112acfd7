"""Hourly bars from the command line: with LDTM_HOURLY, `ldtm ingest` brings them too and `ldtm status` tells."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ldtm_platform_tests.cli.home import Home, quick_home
from ldtm_platform_tests.defs.test_hourly import write_hours
from ldtm_platform_tests.prices_folder import write_prices

TICKERS = ("AMGN", "AMZN", "NVDA")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Three tickers with daily and hourly files; that of the last lacks its hours."""
    write_prices(tmp_path / "prices", TICKERS, start=date(2024, 3, 1))
    for ticker in TICKERS[:2]:
        write_hours(tmp_path, ticker)
    (tmp_path / "universe.toml").write_text(f"[sectors]\nsome = {list(TICKERS)}\n".replace("'", '"'))
    folders = {
        "LDTM_UNIVERSE": str(tmp_path / "universe.toml"),
        "LDTM_SOURCE": "folder", "LDTM_PRICES": str(tmp_path / "prices"), "LDTM_PRICE_BASIS": "raw",
        "LDTM_HOURLY": "folder", "LDTM_HOURLY_PRICES": str(tmp_path / "hours"),
    }  # fmt: skip
    with quick_home(**folders) as ready, ready.postgres.session():
        yield ready


def test_ingest_brings_hours_after_days_and_notes_those_that_have_none(home: Home) -> None:
    said = home.ldtm("ingest", "--json")
    assert said.code == 0
    days, hours = said.json()["runs"]
    assert (days["job"], days["success"]) == ("market_data_ingest", True)
    assert hours["job"] == "hourly_ingest"
    assert (hours["success"], hours["failed"]) == (True, {})
    assert "hourly bars" in said.err
    assert "3/3" in said.err

    status = home.ldtm("status", "--json").json()
    assert not [problem for problem in status["problems"] if "hourly" in problem["what"]]
    assert "1 tickers have no hourly bars in their source: NVDA" in status["notes"]

    off = home.ldtm("ingest", "--ticker", "AMGN", "--json", LDTM_HOURLY="").json()["runs"]
    assert [run["job"] for run in off] == ["ingest_tickers"]
    on = home.ldtm("ingest", "--ticker", "AMGN", "--json")
    assert [(run["job"], run["success"]) for run in on.json()["runs"]] == [
        ("ingest_tickers", True),
        ("ingest_hourly_tickers", True),
    ]
