"""Places and addresses: every place has an address, and no address breaks a place."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldtm_platform.dashboard.page import Place, parse

TABS = ("ticker_view", "todays_predictions")
PLACES = st.builds(
    Place,
    tab=st.sampled_from(TABS),
    ticker=st.none() | st.from_regex(r"[A-Z][A-Z0-9.^=-]{0,11}", fullmatch=True),
    session=st.none() | st.dates(min_value=date(1990, 1, 1)),
    group=st.none() | st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
    bucket=st.none() | st.sampled_from(["bullish", "neutral", "bearish"]),
)


@given(PLACES)
def test_a_place_is_found_again_by_its_address(place: Place) -> None:
    assert parse(place.query, TABS) == place


@given(st.text() | st.none())
def test_any_text_is_an_address_of_some_tab(query: str | None) -> None:
    place = parse(query, TABS)
    assert place.tab in TABS
    assert parse(place.query, TABS) == place


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("", Place("ticker_view")),
        ("?tab=nowhere", Place("ticker_view")),
        ("?ticker=aapl", Place("ticker_view", ticker="AAPL")),
        ("?tab=todays_predictions&session=2026-13-01", Place("todays_predictions")),
        ("?ticker=%3Cscript%3E&group=../etc", Place("ticker_view")),
        ("?ticker=AAPL&ticker=AMD", Place("ticker_view", ticker="AMD")),
        ("?" + "a=1&" * 5_000, Place("ticker_view")),
    ],
)
def test_what_is_no_such_thing_is_left_out(query: str, place: Place) -> None:
    assert parse(query, TABS) == place


def test_another_tab_keeps_what_was_chosen() -> None:
    place = Place("ticker_view", ticker="AMD", session=date(2026, 4, 22))
    assert place.at("todays_predictions", group="semis") == Place(
        "todays_predictions", ticker="AMD", session=date(2026, 4, 22), group="semis"
    )
