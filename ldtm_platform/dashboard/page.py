"""What a page of the dashboard is, and the place in it that an address names.

The address is the state of the view: a control that changes ticker, session or group changes the address, and the page
is drawn from it. So every view has a link, and the browser's back button works.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from dash import Dash
from dash.development.base_component import Component

# As vendors write them: AAPL, BRK.B, ^VIX.
_TICKER = re.compile(r"[A-Z0-9.^=-]{1,12}")
_NAME = re.compile(r"[a-z0-9_]{1,40}")
_LONGEST = 2_000


@dataclass(frozen=True)
class Place:
    """Where in the dashboard somebody is: a tab, and what is chosen in it; None is the page's own choice."""

    tab: str
    ticker: str | None = None
    session: date | None = None
    group: str | None = None
    bucket: str | None = None

    @property
    def query(self) -> str:
        """The place as the query of an address, such as `?tab=ticker_view&ticker=AAPL`."""
        parts = {
            "tab": self.tab,
            "ticker": self.ticker,
            "session": self.session.isoformat() if self.session else None,
            "group": self.group,
            "bucket": self.bucket,
        }
        return "?" + urlencode({name: value for name, value in parts.items() if value})

    def at(self, tab: str, **changed: str | date | None) -> "Place":
        """The same place on another tab or with another choice."""
        return replace(self, tab=tab, **changed)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Page:
    """One tab: what it draws for a place, and the callbacks that it needs beyond that.

    `layout` reads what it draws through the engine and may raise SQLAlchemyError: the shell says what to do about it.
    It must be fast (150 ms); what is not belongs into a callback that `register` adds.
    """

    key: str
    title: str
    layout: Callable[[Place, sa.Engine], Component]
    register: Callable[[Dash, sa.Engine], None]


def no_callbacks(_app: Dash, _engine: sa.Engine) -> None:
    """For pages that are drawn from the address alone."""


def parse(query: str | None, tabs: tuple[str, ...]) -> Place:
    """The place that an address's query names; what is no such thing (a tab, a date) is left out.

    The first of the tabs where none is named.
    """
    given = parse_qsl((query or "")[:_LONGEST].removeprefix("?"))
    named = dict(given)
    tab = named.get("tab", "")
    return Place(
        tab=tab if tab in tabs else tabs[0],
        ticker=_matching(_TICKER, named.get("ticker", "").strip().upper()),
        session=_session(named.get("session", "")),
        group=_matching(_NAME, named.get("group", "")),
        bucket=_matching(_NAME, named.get("bucket", "")),
    )


def _matching(pattern: re.Pattern[str], text: str) -> str | None:
    return text if pattern.fullmatch(text) else None


def _session(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
