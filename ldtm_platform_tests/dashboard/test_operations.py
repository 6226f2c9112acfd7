"""The page Operations: what is late and refused, with commands; runs and checks with links into the Dagster UI."""

import asyncio
import re
from datetime import date

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from ldtm_platform.dashboard.dagster_ui import DagsterAway, seen
from ldtm_platform.dashboard.page import Place
from ldtm_platform.dashboard.pages.operations import page as page_of
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.warehouse import operations
from ldtm_platform_tests.dashboard.dagster_double import OTHER, RUN, answering
from ldtm_platform_tests.dashboard.running import Watched, context_of, dashboard, watched
from ldtm_platform_tests.ports import kept_port
from ldtm_platform_tests.warehouse.rows import store_snapshot

LOGGED = sa.text(
    "INSERT INTO ldtm_run_log (ticker, run_at, mode, status, duration_sec, run_date, dagster_run_id) "
    "SELECT 'AAPL', now(), :mode, 'success', 1.0, cast(:first AS date) + at, :run FROM generate_series(0, :days) at"
)
LINK = re.compile(r"http://127\.0\.0\.1:\d+/runs/.")


def test_runs_and_failed_checks_are_read_as_dagster_tells_them() -> None:
    with answering() as port:
        found = asyncio.run(seen(f"http://127.0.0.1:{port}"))
    done, queued = found.runs
    assert (done.run_id, done.job, done.status, done.partition) == (
        RUN,
        "daily_inference",
        "success",
        "2024-07-29 to 2024-07-31",
    )
    assert done.seconds == pytest.approx(10.6)
    assert (queued.run_id, queued.status, queued.partition, queued.started, queued.seconds) == (
        OTHER,
        "queued",
        "2024-07-31",
        None,
        None,
    )
    # One of the four never ran.
    assert found.checks == 3
    assert [(each.asset, each.name, each.state, each.severity, each.description) for each in found.failed] == [
        ("ldtm_checkpoints", "models_beat_tomorrow_is_today", "failed", "warn", "6 champions without skill among 6"),
        ("market_data_daily", "bars_are_fresh", "could not run", "error", ""),
    ]


@pytest.mark.parametrize(
    ("body", "status"), [(b"<html>", 200), ({"errors": []}, 200), ({"data": None}, 200), ({}, 404), (b"", 500)]
)
def test_what_is_not_our_dagster_is_told(body: object, status: int) -> None:
    with answering(body, status) as port, pytest.raises(DagsterAway, match="is not our Dagster"):
        asyncio.run(seen(f"http://127.0.0.1:{port}"))


def test_nobody_at_the_address_is_told() -> None:
    with kept_port() as port, pytest.raises(DagsterAway, match="does not answer at"):
        asyncio.run(seen(f"http://127.0.0.1:{port}"))


def test_a_long_replay_is_one_row_and_hides_no_training(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(LOGGED, {"run": "train", "mode": "train", "first": "2026-01-02", "days": 0})
        connection.execute(LOGGED, {"run": "replay", "mode": "infer", "first": "2026-01-05", "days": 6_500})
        connection.execute(LOGGED, {"run": "evening", "mode": "infer", "first": "2045-01-02", "days": 0})
    evening, replay, training = operations.recent_runs(engine, last=40).rows(named=True)
    assert [run["dagster_run_id"] for run in (evening, replay, training)] == ["evening", "replay", "train"]
    assert (evening["first_session"], evening["sessions"], evening["tickers"]) == (date(2045, 1, 2), 1, 1)
    assert replay["sessions"] > 5_000
    assert training["mode"] == "train"


def test_targets_that_no_bar_will_fill_are_listed(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", 101.0, 104.0)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO market_data_status (ticker, source, price_basis, state, message, last_date, checked_at) "
                "VALUES ('AAPL', 'folder', 'raw', 'delisted', 'no bar since', '2026-04-22', now())"
            )
        )
    told = str(page_of(Settings()).layout(Place("operations"), engine))
    assert "3 targets that will never be filled" in told
    assert "'target_date': '2026-05-21'" in told


def test_late_tickers_come_first_and_every_trouble_names_its_command(page: Watched) -> None:
    shown = page.open("?tab=operations")
    expect(shown.get_by_role("heading", name="Operations")).to_be_visible()
    problems = shown.locator(".problems li")
    expect(problems.filter(has_text="the vendor answered 503").locator("code")).to_have_text("ldtm ingest --ticker ZS")
    table = shown.get_by_role("region", name="Freshness by ticker")
    expect(table.locator(".ag-row[row-index='0']").first).to_contain_text("ZS")
    costs = shown.get_by_role("region", name="What each stage cost")
    expect(costs).to_contain_text("predictions")
    expect(costs.get_by_role("link").first).to_have_attribute("href", LINK)
    expect(shown.get_by_role("region", name="Quarantine")).to_contain_text("high_below_low")
    expect(shown.get_by_role("region", name="News feeds")).to_contain_text("yahoo")
    expect(shown.get_by_text("The Dagster UI is not running")).to_be_visible()
    run = shown.get_by_role("region", name="Last trainings and forecasts").get_by_role("link").first
    expect(run).to_have_attribute("href", LINK)
    page.shot("operations-light")


def test_failed_checks_and_runs_link_into_the_dagster_ui(browser: Browser, populated: str) -> None:
    with (
        answering() as port,
        dashboard(reader_url(Settings(), populated), LDTM_UI_PORT=str(port)) as base,
    ):
        context = context_of(browser, dark=True)
        found = watched(context, base)
        shown = found.open("?tab=operations")
        expect(shown.get_by_text("2 of 3 checks that ran last failed.")).to_be_visible()
        checks = shown.get_by_role("region", name="Failed checks")
        expect(checks).to_contain_text("6 champions without skill among 6")
        link = checks.get_by_role("link").first
        expect(link).to_have_attribute("href", f"http://127.0.0.1:{port}/runs/{RUN}")
        expect(shown.get_by_role("region", name="Last runs")).to_contain_text("daily_inference")
        found.shot("operations-dark")
        context.close()
        assert found.complaints == []
