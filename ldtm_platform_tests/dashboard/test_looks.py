"""Every tab as people see it, in both themes and on a phone; the pictures stay in .artifacts/."""

import pytest
from playwright.sync_api import Browser

from ldtm_platform_tests.dashboard.running import DESKTOP, PHONE, context_of, watched

# How far the page itself can be moved sideways.
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


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
