"""Inputs that change the address: the ticker, the session, the group and the bucket that a page shows."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.page import Place
from ldtm_platform.dashboard.parts.aria import aria, data


def moves(part: str, shown: str | None) -> dict[str, Any]:
    """Properties that make any input with a `value` change one part of the address (a field of Place).

    `shown` is the value that it shows now; pass it as the input's `value` too.
    """
    return {"id": {"type": "place", "part": part}, "data-shown": shown or ""}


def link(children: Any, place: Place, part: str, value: str | date | None, **more: Any) -> Component:  # noqa: ANN401
    """A link to a place with one part changed (a field of Place; None: the page's own choice)."""
    chosen = data(part=part, value=f"{value or ''}")
    return html.A(children, href=place.at(place.tab, **{part: value}).query, **chosen, **more)


def ticker_select(tickers: Sequence[str], shown: str | None) -> Component:
    """Choose a ticker by typing or from the list."""
    return dmc.Select(
        label="Ticker",
        data=list(tickers),
        value=shown,
        searchable=True,
        clearSearchOnFocus=True,
        selectFirstOptionOnChange=True,
        allowDeselect=False,
        nothingFoundMessage="No such ticker",
        className="control",
        **moves("ticker", shown),
    )


def group_select(groups: Sequence[str], shown: str | None) -> Component:
    """Choose a group of the universe, or all tickers."""
    return dmc.Select(
        label="Group",
        data=[{"value": name, "label": name.replace("_", " ")} for name in groups],
        value=shown,
        placeholder="all tickers",
        clearable=True,
        searchable=True,
        clearSearchOnFocus=True,
        selectFirstOptionOnChange=True,
        className="control",
        **moves("group", shown),
    )


def session_input(shown: date | None, *, first: date | None = None, last: date | None = None) -> Component:
    """Choose a session by its date; clearing it goes back to the latest."""
    text = shown.isoformat() if shown else None
    return dmc.DateInput(
        label="Session",
        value=text,
        valueFormat="YYYY-MM-DD",
        minDate=first.isoformat() if first else None,
        maxDate=last.isoformat() if last else None,
        clearable=True,
        className="control",
        **moves("session", text),
    )


def steps(place: Place, before: date | None, after: date | None) -> Component:
    """Links to the session before and after."""

    def step(glyph: str, name: str, session: date | None) -> Component:
        if session is None:
            return html.Span(glyph, className="step off", **aria(hidden="true"))
        words = f"{name} session, {session}"
        return link(glyph, place, "session", session, className="step", title=words, **aria(label=words))

    return html.Div([step("‹", "Previous", before), step("›", "Next", after)], className="steps")


def bar(*controls: Component) -> Component:
    """The controls of a page, side by side, below each other on a phone."""
    return html.Div(list(controls), className="controls")
