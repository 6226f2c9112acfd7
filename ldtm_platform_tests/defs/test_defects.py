"""A vendor's defects in the graph: counted beside each ticker's bars, warned of where many, and the fleet goes on."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ldtm_platform.postgres.server import Connection
from ldtm_platform_tests.defs.bench import NEIGHBOURS, Bench, bench
from ldtm_platform_tests.prices_folder import write_prices
from ldtm_platform_tests.warehouse.rows import query


@pytest.fixture
def fleet(server: Connection, template: str, tmp_path: Path) -> Iterator[Bench]:
    """AMZN has one bar in cents, APP ten, and the newest of ASML is one too."""
    prices = tmp_path / "prices"
    write_prices(prices, NEIGHBOURS)
    for ticker, rows in (("AMZN", range(100, 101)), ("APP", range(100, 110)), ("ASML", range(-1, 0))):
        path = prices / f"{ticker}.csv"
        bars = pl.read_csv(path, try_parse_dates=True)
        broken = pl.int_range(pl.len()).is_in([row % bars.height for row in rows])
        names = pl.col("open", "high", "low", "close")
        bars.with_columns(pl.when(broken).then(names * 100).otherwise(names).name.keep()).write_csv(path)
    folder = {"LDTM_SOURCE": "folder", "LDTM_PRICES": str(prices), "LDTM_PRICE_BASIS": "raw"}
    with bench(server, template, tmp_path, **folder) as ready:
        yield ready


def test_repairs_are_counted_per_ticker_and_many_of_them_warn(fleet: Bench) -> None:
    ingested = fleet.on_range("market_data_ingest")
    assert not ingested.success
    states = fleet.states("market_data_daily")
    assert {ticker for ticker, state in states.items() if state == "FAILED"} == {"ASML"}
    for ticker, repaired in (("AMGN", 0), ("AMZN", 1), ("APP", 10)):
        assert fleet.metadata("market_data_daily", ticker)["rows_repaired"] == repaired
    message = fleet.metadata("market_data_daily", "AMZN")["message"]
    assert message == "1 bar repaired (unit_error)"
    (held,) = query(fleet.engine, "SELECT state, message FROM market_data_status WHERE ticker = 'ASML'")
    assert held["state"] == "incomplete"
    assert "1 bar held in quarantine (unit_error:" in held["message"]

    checked = fleet.on_range("feature_engineering")
    (few,) = (
        event.asset_check_evaluation_data
        for event in checked.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
        and event.asset_check_evaluation_data.check_name == "repairs_are_few"
    )
    assert (few.passed, few.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert few.description == "1 tickers with many repaired or held bars"
    assert "APP" in str(few.metadata["rows"].value)
    assert {row["ticker"] for row in query(fleet.engine, "SELECT DISTINCT ticker FROM engineered_features")} >= {
        "AMGN",
        "AMZN",
        "APP",
    }
