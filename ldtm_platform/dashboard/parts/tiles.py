"""Tiles, and the badge that says of every model whether it beats "tomorrow is today"."""

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts.text import number, plural

# QUANT: below a month of evaluated sessions nothing is shown as a result.
ENOUGH = 21


def tile(label: str, value: str | Component, detail: str | Component | None = None) -> Component:
    """One figure with its name above and what it rests on below."""
    return dmc.Paper(
        [
            html.Div(label, className="tile-label"),
            html.Div(value, className="tile-value" if _is_short(value) else "tile-value words"),
            html.Div(detail, className="tile-detail") if detail is not None else None,
        ],
        withBorder=True,
        className="tile",
    )


def _is_short(value: str | Component) -> bool:
    return isinstance(value, str) and len(value) <= 12


def tiles(shown: Sequence[Component]) -> Component:
    """Tiles side by side, as many as the screen takes."""
    return html.Div(list(shown), className="tiles")


def verdict(skill: float | None, n: int, *, enough: int = ENOUGH) -> str:
    """What a skill against persistence (1 - error / persistence's error) on n evaluated sessions means, in words."""
    if n < enough:
        return f"Not enough evidence yet: n = {n} of {enough}"
    if skill is None:
        return f"Nothing to compare: tomorrow-is-today made no error (n = {n:,})"
    if skill <= 0:
        worse = (
            f"worse than tomorrow-is-today by {number(-100 * skill, 1)} %"
            if skill < 0
            else "no better than tomorrow-is-today"
        )
        return f"No skill: {worse} (n = {n:,})"
    return f"Error {number(100 * skill, 1)} % below tomorrow-is-today (n = {n:,})"


def skill_badge(skill: float | None, n: int, *, enough: int = ENOUGH) -> Component:
    """The verdict as a badge whose sign is also a glyph: ✕ no skill, ✓ better, … not enough evidence."""
    if n < enough or skill is None:
        kind, glyph = "unknown", "…"
    elif skill <= 0:
        kind, glyph = "worse", "✕"
    else:
        kind, glyph = "better", "✓"
    words = verdict(skill, n, enough=enough)
    return html.Span([html.Span(glyph, className="badge-glyph"), words], className=f"skill-badge {kind}")


def not_enough(n: int, *, enough: int = ENOUGH, of: str = "evaluated session") -> Component:
    """Stands where a figure would flatter: how much evidence there is and how much it takes."""
    return html.Div(
        [
            html.Strong("Not enough evidence yet"),
            html.Span(f"{plural(n, of)} so far; a figure is shown from {enough} on."),
        ],
        className="not-enough",
        role="note",
    )
