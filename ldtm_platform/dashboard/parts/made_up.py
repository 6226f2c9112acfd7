"""What stands above figures of simulated prices, so that nobody takes them for a stock's own."""

from collections.abc import Collection

from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts.text import listed
from ldtm_platform.warehouse.provenance import Provenance


def notice(known: Provenance, shown: Collection[str], *, then: str = "") -> Component | None:
    """That prices of what is shown are simulated; None where none are. `then` is what the page does about it."""
    made_up = sorted(known.simulated.intersection(shown))
    if not made_up:
        return None
    whose = f"The prices of {listed(made_up)}" if known.apart else "All prices here"
    words = f"{whose} are simulated: a generator made them, and they say nothing about any market.{then and ' ' + then}"
    return note(words)


def note(words: str) -> Component:
    """Words about simulated prices, as they stand above what rests on them."""
    return html.P([html.Strong("Simulated"), words], className="made-up", role="note")
