"""Every tab as people see it, in both themes and on a phone; the pictures stay in .artifacts/."""

import pytest
from playwright.sync_api import Browser

from ldtm_platform_tests.dashboard.running import DESKTOP, PHONE, context_of, watched

# How far the page itself can be moved sideways.
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

# Whether the shadow at the right edge of each table is there, and only there, where columns are beyond it.
SHADOWS = """() => [...document.querySelectorAll(".ag-root")].every(it => {
  const columns = it.querySelector(".ag-center-cols-viewport");
  const hidden = columns.scrollWidth - columns.clientWidth - columns.scrollLeft;
  return (hidden > 1) === (Number(getComputedStyle(it, "::after").opacity) > 0);
})"""
HIDDEN = """() => [...document.querySelectorAll(".ag-center-cols-viewport")]
  .map(it => it.scrollWidth - it.clientWidth).filter(width => width > 0)"""
# The width of a screen on which the tables of a tab show all columns.
FITS = {"ticker_view": 1280, "operations": 1280, "accuracy_leaderboard": 1366, "todays_predictions": 1440}
TO_THE_RIGHT = "() => document.querySelectorAll('.ag-center-cols-viewport').forEach(it => it.scrollLeft = 1e6)"


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


def test_the_columns_fit_a_laptop_and_a_shadow_says_where_more_are(browser: Browser, populated_dashboard: str) -> None:
    context = context_of(browser)
    page = watched(context, populated_dashboard)
    here = page.page
    for tab, fits in FITS.items():
        here.set_viewport_size({"width": fits, "height": 900})
        page.open(f"?tab={tab}")
        page.settled()
        here.wait_for_function(SHADOWS)
        assert here.evaluate(HIDDEN) == [], tab
    here.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    here.wait_for_function(SHADOWS)
    assert here.evaluate(HIDDEN) != []
    here.evaluate(TO_THE_RIGHT)
    here.wait_for_function(SHADOWS)
    context.close()
    assert page.complaints == []
