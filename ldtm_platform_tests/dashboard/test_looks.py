"""Every tab as people see it, in both themes and on a phone; the pictures stay in .artifacts/."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator

from ldtm_platform_tests.dashboard.running import DESKTOP, PHONE, Watched, context_of, watched

# How far the page itself can be moved sideways.
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

# How many pixels of a table's columns are beyond its right edge.
HIDDEN = """it => {
  const columns = it.querySelector(".ag-center-cols-viewport");
  return columns.scrollWidth - columns.clientWidth - columns.scrollLeft;
}"""
# Whether the shadow at the right edge is there, and only there, where columns are beyond it.
SHADOW = f"""it => it.checkVisibility({{contentVisibilityAuto: true}})
  && (({HIDDEN})(it) > 1) === (Number(getComputedStyle(it, "::after").opacity) > 0)"""
# The width of a screen on which the tables of a tab show all columns.
FITS = {"ticker_view": 1280, "operations": 1280, "accuracy_leaderboard": 1366, "todays_predictions": 1440}
TO_THE_RIGHT = "it => it.querySelector('.ag-center-cols-viewport').scrollLeft = 1e6"


@pytest.mark.parametrize(
    ("name", "dark", "size"), [("light", False, DESKTOP), ("dark", True, DESKTOP), ("phone", False, PHONE)]
)
def test_every_tab_is_drawn_without_a_complaint_and_no_wider_than_the_screen(
    browser: Browser, populated_dashboard: str, name: str, dark: bool, size: tuple[int, int]
) -> None:
    context = context_of(browser, dark=dark, size=size)
    page = watched(context, populated_dashboard)
    here = page.open()
    wide = {}
    for tab in here.get_by_role("tab").all():
        tab.click()
        key = (tab.get_attribute("id") or "").split("-tab-")[1]
        page.settled(key)
        page.shot(f"{key}-{name}")
        if overflow := here.evaluate(OVERFLOW):
            wide[key] = overflow
    context.close()
    assert wide == {}
    assert page.complaints == []


def tables(page: Watched) -> Iterator[Locator]:
    """The tables from the top, each scrolled into view: AG Grid lays none out before (`content-visibility: auto`)."""
    there = page.page.locator(".ag-root").all()
    assert there
    for table in there:
        table.scroll_into_view_if_needed()
        yield table


def comes_to(page: Watched, table: Locator, hidden: str) -> None:
    """Wait until so much of a table (`=== 0`) is beyond its right edge and its shadow tells the truth about it."""
    truth = f"it => ({SHADOW})(it) && ({HIDDEN})(it) {hidden}"
    page.page.wait_for_function(truth, arg=table.element_handle())


def test_the_columns_fit_a_laptop_and_a_shadow_says_where_more_are(browser: Browser, populated_dashboard: str) -> None:
    context = context_of(browser)
    page = watched(context, populated_dashboard)
    here = page.page
    for tab, fits in FITS.items():
        here.set_viewport_size({"width": fits, "height": 900})
        page.open(f"?tab={tab}")
        page.settled()
        for table in tables(page):
            comes_to(page, table, "=== 0")
    here.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    for table in tables(page):
        comes_to(page, table, "> 1")
        table.evaluate(TO_THE_RIGHT)
        comes_to(page, table, "<= 1")
    context.close()
    assert page.complaints == []
