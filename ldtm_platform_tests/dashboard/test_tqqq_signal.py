"""The TQQQ Signal in a browser: the summary, its record beside holding, and what it says while it has none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.stages.signal import signal_sessions
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.dashboard.running import DESKTOP, PHONE, Watched, context_of, dashboard, watched
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.strategy.market import LAST, bars, days
from ldtm_platform_tests.warehouse.rows import store_bars, store_snapshot

TAB = "?tab=tqqq_signal"


@pytest.fixture(scope="module")
def signalled(server: Connection, template: str) -> Iterator[str]:
    """The address of a dashboard over 200 stored signals, the newest with forecasts of both funds."""
    with scratch_database(server, template) as url:
        engine = sa.create_engine(url)
        for (ticker,), part in bars(700).partition_by("ticker", as_dict=True).items():
            store_bars(engine, str(ticker), dict(part.select("date", "close").rows()))
        for ticker, one_month in (("TQQQ", 104.0), ("SQQQ", 97.0)):
            store_snapshot(engine, ticker, 100.0, one_month, run_date=LAST)
        list(score_sessions(engine, [LAST]))
        list(signal_sessions(engine, days(200), cost_bp=5.0))
        assert reads.tqqq_signals(engine).height == 200
        engine.dispose()
        with dashboard(reader_url(Settings(), url)) as base:
            yield base


@pytest.fixture(params=["light", "dark", "phone"])
def opened(request: pytest.FixtureRequest, browser: Browser, signalled: str) -> Iterator[tuple[str, Watched]]:
    size = PHONE if request.param == "phone" else DESKTOP
    context = context_of(browser, dark=request.param == "dark", size=size)
    found = watched(context, signalled)
    yield request.param, found
    context.close()
    assert found.complaints == []


def test_it_says_what_why_and_that_it_is_no_advice_in_every_look(opened: tuple[str, Watched]) -> None:
    look, watching = opened
    page = watching.open(TAB)
    expect(page.get_by_role("note").first).to_contain_text("Not investment advice")
    expect(page.get_by_text("Suggested exposure")).to_be_visible()
    expect(page.locator(".reasons li")).to_have_count(4)
    expect(page.get_by_text("not enough evidence for it yet: no vote")).to_be_visible()
    expect(page.get_by_text("The model of TQQQ: Not enough evidence for one month ahead")).to_be_visible()
    expect(page.get_by_role("heading", name="The record after costs")).to_be_visible()
    expect(page.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_attached()
    expect(page.get_by_text("buy and hold TQQQ").first).to_be_attached()
    watching.shot(f"tqqq_signal_{look}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_earlier_session_has_an_address_and_its_own_summary(browser: Browser, signalled: str) -> None:
    context = context_of(browser)
    page = (watching := watched(context, signalled)).open(f"{TAB}&session={days(150)[0]}")
    expect(page.locator("time")).to_have_attribute("datetime", str(days(150)[0]))
    expect(page.get_by_text("… not enough evidence")).to_be_visible()
    page.get_by_label("Next session").click()
    expect(page.locator("time")).to_have_attribute("datetime", str(days(149)[0]))
    watching.open(f"{TAB}&session=2026-04-19")
    expect(page.get_by_text("there is no signal of 2026-04-19")).to_be_visible()
    context.close()
    assert watching.complaints == []


def test_without_a_signal_it_names_the_commands(browser: Browser, empty_dashboard: str) -> None:
    context = context_of(browser)
    page = (watching := watched(context, empty_dashboard)).open(TAB)
    expect(page.get_by_text("No signal yet")).to_be_visible()
    expect(page.get_by_text("ldtm pipeline", exact=True)).to_be_visible()
    context.close()
    assert watching.complaints == []


def test_a_universe_without_the_funds_is_told_as_that(
    browser: Browser, server: Connection, template: str, tmp_path: Path
) -> None:
    (universe := tmp_path / "universe.toml").write_text('[sectors]\nsoftware = ["MSFT"]')
    with (
        scratch_database(server, template) as url,
        dashboard(reader_url(Settings(), url), LDTM_UNIVERSE=str(universe)) as base,
    ):
        context = context_of(browser)
        page = watched(context, base).open(TAB)
        expect(page.get_by_text("the universe file has no TQQQ and no SQQQ")).to_be_visible()
        context.close()
