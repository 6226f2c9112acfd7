"""Hourly bars as Dagster runs them: off by default, after the daily ones when on, each ticker's trouble its own."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ldtm_platform.definitions import defs
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.postgres.server import Connection
from ldtm_platform.stages.hourly_status import with_hours
from ldtm_platform.stages.status import Status
from ldtm_platform.warehouse.hourly_reads import hourly_bars
from ldtm_platform_tests.defs.bench import Bench, bench, failure_of
from ldtm_platform_tests.hourly_bars import Grid, hourly_of
from ldtm_platform_tests.prices_folder import write_prices
from ldtm_platform_tests.sources.vendor_server import Reply, Seen, serving

FLEET = ("AMAT", "AMD", "AMGN")
SINCE, LAST = date(2024, 6, 24), date(2024, 7, 31)
SESSIONS = 27
OFF = "hourly bars are switched off: set LDTM_HOURLY to folder or alpaca"
SENSORS = ("hours_after_ingest", "hours_after_partial_ingest")


def write_hours(folder: Path, ticker: str, grid: Grid = "hour", *, since: date = SINCE) -> None:
    """The hours of a ticker's daily file, from a day on, as a file of its own."""
    daily = pl.read_csv(folder / "prices" / f"{ticker}.csv", try_parse_dates=True).with_columns(ticker=pl.lit(ticker))
    hours = hourly_of(daily.filter(pl.col("date") >= since), grid)
    (folder / "hours").mkdir(exist_ok=True)
    hours.drop("ticker", "segment").write_csv(folder / "hours" / f"{ticker}.csv")


@pytest.fixture
def fleet(server: Connection, template: str, tmp_path: Path) -> Iterator[Bench]:
    """Three tickers whose daily and hourly prices are files of their own, all sound."""
    write_prices(tmp_path / "prices", FLEET)
    for ticker in FLEET:
        write_hours(tmp_path, ticker)
    folders = {
        "LDTM_SOURCE": "folder", "LDTM_PRICES": str(tmp_path / "prices"), "LDTM_PRICE_BASIS": "raw",
        "LDTM_HOURLY": "folder", "LDTM_HOURLY_PRICES": str(tmp_path / "hours"),
    }  # fmt: skip
    with bench(server, template, tmp_path, **folders) as ready:
        assert ready.on_range("market_data_ingest", FLEET[0], FLEET[-1]).success
        yield ready


def asked_for(ready: Bench, cursors: dict[str, str | None]) -> list[dg.RunRequest]:
    """What the sensors ask for that look at ingests of daily bars, since the last look; the cursors move on."""
    found: list[dg.RunRequest] = []
    for name in SENSORS:
        sensor = defs.get_repository_def().get_sensor_def(name)
        with dg.build_sensor_context(
            instance=ready.instance,
            cursor=cursors.get(name),
            repository_def=defs.get_repository_def(),
            sensor_name=name,
        ) as context:
            tick = sensor.evaluate_tick(context)
        cursors[name] = tick.cursor
        found += tick.run_requests or []
    return found


def test_hours_are_ingested_with_facts_a_ticker_and_a_second_run_adds_nothing(fleet: Bench) -> None:
    assert fleet.on_range("hourly_ingest", FLEET[0], FLEET[-1]).success
    assert fleet.states("market_data_hourly", FLEET) == dict.fromkeys(FLEET, "MATERIALIZED")
    told = fleet.metadata("market_data_hourly", "AMD")
    assert told["dagster/partition_row_count"] == told["rows_new"] == 7 * SESSIONS - 3
    assert (told["state"], told["source"], told["grids"]) == ("ok", "folder", f"hour from {SINCE}")
    assert (told["first_date"], told["last_date"]) == (SINCE.isoformat(), LAST.isoformat())
    assert fleet.on_range("hourly_ingest", FLEET[0], FLEET[-1]).success
    assert fleet.metadata("market_data_hourly", "AMD")["rows_new"] == 0


def test_a_ticker_without_its_hours_is_red_by_name_and_mended_alone(fleet: Bench, tmp_path: Path) -> None:
    (tmp_path / "hours" / "AMD.csv").write_text("Not Found")
    failed = fleet.run("ingest_hourly_tickers", ingest_hourly={"tickers": ["AMAT", "AMD"]})
    assert set(failure_of(failed)) == {"AMD"}
    assert "AMD.csv lacks the column" in failure_of(failed)["AMD"]
    assert fleet.states("market_data_hourly", FLEET) == {"AMAT": "MATERIALIZED", "AMD": "FAILED", "AMGN": None}
    write_hours(tmp_path, "AMD")
    assert fleet.run("hourly_ingest", partition="AMD").success
    assert set(hourly_bars(fleet.engine, FLEET)["ticker"]) == {"AMAT", "AMD"}


def test_a_change_of_grid_warns_with_its_spans(fleet: Bench, tmp_path: Path) -> None:
    assert fleet.run("hourly_ingest", partition="AMD").success
    write_hours(tmp_path, "AMAT", "half_hour", since=date(2024, 7, 8))
    early = pl.read_csv(tmp_path / "hours" / "AMGN.csv").filter(pl.col("start_at") < "2024-07-08")
    write_hours(tmp_path, "AMGN", "half_hour", since=date(2024, 7, 8))
    pl.concat([early, pl.read_csv(tmp_path / "hours" / "AMGN.csv")]).write_csv(tmp_path / "hours" / "AMGN.csv")
    run = fleet.on_range("hourly_ingest", FLEET[0], FLEET[-1])
    assert failure_of(run) == {}
    (check,) = run.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    spans = check.metadata["rows"].value
    assert isinstance(spans, str)
    assert [line.split(" | ")[:2] for line in spans.splitlines()[2:]] == [["AMGN", "hour"], ["AMGN", "half_hour"]]


def test_switched_off_nothing_is_asked_for_and_a_run_says_how_to_switch_it_on(
    fleet: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursors: dict[str, str | None] = {}
    asked_for(fleet, cursors)
    ingest = fleet.run("market_data_ingest", partition="AMD")
    (request,) = asked_for(fleet, cursors)
    assert request.run_key == ingest.run_id
    assert request.tags["dagster/asset_partition_range_end"] == TICKERS.get_partition_keys()[-1]
    monkeypatch.delenv("LDTM_HOURLY")
    fleet.run("market_data_ingest", partition="AMD")
    assert asked_for(fleet, cursors) == []
    run = fleet.run("hourly_ingest", partition="AMD")
    assert not run.success
    (failure,) = (event.step_failure_data for event in run.all_events if event.is_step_failure)
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == OFF


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"LDTM_HOURLY_PRICES": ""}, "set LDTM_HOURLY_PRICES to a folder"),
        ({"LDTM_HOURLY": "alpaca"}, "set LDTM_ALPACA_KEY and LDTM_ALPACA_SECRET"),
    ],
)
def test_a_setting_that_is_missing_is_named(
    fleet: Bench, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], told: str
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    run = fleet.run("hourly_ingest", partition="AMD")
    (failure,) = (event.step_failure_data for event in run.all_events if event.is_step_failure)
    assert failure.user_failure_data is not None
    assert told in (failure.user_failure_data.description or "")


def test_status_names_missing_late_and_failed_hours_with_the_command_that_mends_them(
    fleet: Bench, tmp_path: Path
) -> None:
    stages = pl.DataFrame(
        schema={"stage": pl.String, "tickers": pl.Int64, "of": pl.Int64, "newest": pl.Date, "oldest": pl.Date}
    )
    empty = Status(LAST, stages, pl.DataFrame(), (), ())
    (problem,) = with_hours(empty, fleet.engine, FLEET).problems
    assert (problem.what, problem.mend) == (f"3 tickers: no hourly bars of {LAST}: AMAT, AMD, AMGN", "ldtm ingest")
    (tmp_path / "hours" / "AMD.csv").unlink()
    fleet.on_range("hourly_ingest", FLEET[0], FLEET[-1])
    told = with_hours(empty, fleet.engine, FLEET)
    assert told.problems == ()
    assert told.notes == ("1 tickers have no hourly bars in their source: AMD",)
    (tmp_path / "hours" / "AMD.csv").write_text("Not Found")
    fleet.on_range("hourly_ingest", FLEET[0], FLEET[-1])
    (problem,) = with_hours(empty, fleet.engine, FLEET).problems
    assert problem.what.startswith("AMD: hourly bars failed: ")
    assert problem.mend == "ldtm ingest --ticker AMD"
    assert told.stages.rows() == [("hourly bars", 2, 3, LAST, LAST)]


def test_alpaca_s_hours_are_ingested_by_key_and_the_next_run_asks_for_the_newest_only(
    fleet: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(seen: Seen) -> Reply:
        bars = {ticker: alpaca_hours(tmp_path, ticker, seen.params["start"]) for ticker in FLEET}
        return Reply(body=json.dumps({"bars": bars, "next_page_token": None}).encode())

    with serving(answer) as server:
        told = {"HOURLY": "alpaca", "ALPACA_KEY": "the-key", "ALPACA_SECRET": "the-secret", "ALPACA_URL": server.url}
        for name, value in told.items():
            monkeypatch.setenv(f"LDTM_{name}", value)
        assert fleet.on_range("hourly_ingest", FLEET[0], FLEET[-1]).success
        assert fleet.on_range("hourly_ingest", FLEET[0], FLEET[-1]).success
    first, second = server.seen
    assert (first.params["timeframe"], first.params["start"][:10]) == ("1Hour", "2023-01-03")
    assert second.params["start"][:10] == "2024-07-17"
    facts = fleet.metadata("market_data_hourly", "AMD")
    assert (facts["source"], facts["grids"], facts["state"]) == ("alpaca", f"hour from {SINCE}", "ok")
    stored = hourly_bars(fleet.engine, ["AMD"])
    assert (stored.height, stored["is_extended"].sum()) == (7 * SESSIONS - 3, SESSIONS)


def alpaca_hours(folder: Path, ticker: str, since: str) -> list[dict[str, object]]:
    """A ticker's hours as Alpaca would tell them: the first from 09:00 on."""
    hours = pl.read_csv(folder / "hours" / f"{ticker}.csv", try_parse_dates=True)
    opening = pl.col("start_at").dt.minute() == 30
    start = pl.when(opening).then(pl.col("start_at") - timedelta(minutes=30)).otherwise("start_at")
    told = hours.select(t=start.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), o="open", h="high", l="low", c="close", v="volume")
    return told.filter(pl.col("t") >= since).rows(named=True)
