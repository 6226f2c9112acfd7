"""The frame in a real browser: tabs, links, theme and keyboard."""

from datetime import date

import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform_tests.dashboard.running import Watched, context_of, dashboard, watched
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.warehouse.rows import WEDNESDAY, store_snapshot

SCHEME = "data-mantine-color-scheme"
BACKGROUND = "() => getComputedStyle(document.body).backgroundColor"


def test_every_tab_opens_by_click_and_stands_in_the_address_and_in_the_title(page: Watched) -> None:
    page.open()
    tabs = page.page.get_by_role("tab").all()
    titles = [tab.inner_text() for tab in tabs]
    assert titles[:3] == ["Ticker View", "Today's Predictions", "Accuracy Leaderboard"]
    for tab in [*tabs[1:], tabs[0]]:
        tab.click()
        key = _key(tab.get_attribute("id"))
        page.drawn(key)
        assert f"tab={key}" in page.page.url
        expect(page.page).to_have_title(f"{tab.inner_text()} · LD-TM")


def test_a_link_opens_its_view_and_the_back_button_goes_back(page: Watched) -> None:
    page.open("?tab=todays_predictions&group=semis")
    page.page.get_by_role("tab", name="Ticker View").click()
    page.drawn("ticker_view")
    assert "group=semis" in page.page.url
    page.page.go_back()
    page.drawn("todays_predictions")
    expect(page.page.get_by_role("tab", name="Today's Predictions")).to_have_attribute("aria-selected", "true")
    page.page.go_forward()
    page.drawn("ticker_view")


def test_tabs_move_by_arrow_keys_and_a_skip_link_comes_first(page: Watched) -> None:
    here = page.open()
    here.keyboard.press("Tab")
    assert _focused(here) == "Skip to the page"
    expect(here.locator(".skip")).to_be_in_viewport()
    here.keyboard.press("Enter")
    here.wait_for_function("() => document.activeElement.id === 'page'")
    here.get_by_role("tab", name="Ticker View").focus()
    here.keyboard.press("ArrowRight")
    page.drawn("todays_predictions")
    assert _focused(here) == "Today's Predictions"
    assert here.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_theme_follows_the_system_until_it_is_switched_and_is_remembered(
    browser: Browser, populated_dashboard: str
) -> None:
    context = context_of(browser, dark=True)
    page = watched(context, populated_dashboard)
    here = page.open("?tab=accuracy_leaderboard")
    expect(here.locator("html")).to_have_attribute(SCHEME, "dark")
    dark = here.evaluate(BACKGROUND)
    here.emulate_media(color_scheme="light")
    expect(here.locator("html")).to_have_attribute(SCHEME, "light")
    here.emulate_media(color_scheme="dark")
    here.get_by_role("button", name="Switch between dark and light").click()
    expect(here.locator("html")).to_have_attribute(SCHEME, "light")
    assert here.evaluate(BACKGROUND) != dark
    page.open("?tab=accuracy_leaderboard")
    expect(here.locator("html")).to_have_attribute(SCHEME, "light")
    context.close()
    assert page.complaints == []


def test_an_open_page_says_that_a_new_session_has_come_and_shows_it(
    browser: Browser, server: Connection, template: str
) -> None:
    with scratch_database(server, template) as url, dashboard(reader_url(Settings(), url)) as base:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        store_snapshot(engine, "AAPL", 101.0, 104.0, run_date=WEDNESDAY)
        context = context_of(browser)
        here = (page := watched(context, base)).open("?tab=todays_predictions")
        expect(here.locator("#page time")).to_have_attribute("datetime", "2026-04-22")
        _look(here)
        expect(here.locator("#fresh")).to_be_empty()
        store_snapshot(engine, "AAPL", 102.0, 105.0, run_date=date(2026, 4, 23))
        _look(here)
        expect(here.get_by_text("Forecasts of 2026-04-23 have arrived.")).to_be_visible()
        here.get_by_role("link", name="Show them").click()
        expect(here.locator("#page time")).to_have_attribute("datetime", "2026-04-23")
        expect(here.locator("#fresh")).to_be_empty()
        context.close()
        engine.dispose()
    assert page.complaints == []


def _look(page: Page) -> None:
    """Let the minute pass that an open page waits."""
    with page.expect_response(lambda answer: "fresh" in (answer.request.post_data or "")) as looked:
        page.evaluate("() => dash_clientside.set_props('look', {n_intervals: Date.now()})")
    looked.value.finished()


def _key(identity: str | None) -> str:
    return (identity or "").split("-tab-")[1]


def _focused(page: Page) -> str:
    text: str = page.evaluate("() => document.activeElement.innerText")
    return text
