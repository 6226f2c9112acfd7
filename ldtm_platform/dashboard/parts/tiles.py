"""Tiles, and the badge that says of every model whether it beats "tomorrow is today"."""

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts.text import plural, with_minus
from ldtm_platform.evaluation import verdict as words
from ldtm_platform.evaluation.comparison import Comparison, Outcome
from ldtm_platform.evaluation.confidence import MIN_EVIDENCE

# QUANT: below a month of evaluated sessions nothing is shown as a result.
ENOUGH = MIN_EVIDENCE
# As ldtm.skill in assets/ldtm.js writes them in tables.
GLYPHS: dict[Outcome, str] = {"better": "✓", "unproven": "○", "worse": "✕", "unknown": "…"}


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


def verdict(found: Comparison) -> str:
    """What a comparison with persistence means, in words, its interval with them."""
    return with_minus(words.verdict(found))


def skill_badge(found: Comparison) -> Component:
    """The verdict as a badge whose sign is also a glyph: ✓ better, ✕ no skill, ○ no proof, … not enough evidence."""
    kind = found.outcome
    glyph = html.Span(GLYPHS[kind], className="badge-glyph")
    return html.Span([glyph, verdict(found)], className=f"skill-badge {kind}")


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
