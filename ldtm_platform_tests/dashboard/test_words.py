"""Numbers and verdicts as people read them."""

from typing import Any

import pytest
import sqlalchemy as sa
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts import states, text, tiles
from ldtm_platform.dashboard.parts.theme import BLUE, GREEN, GREY, PURPLE, VERMILLION
from ldtm_platform.evaluation.comparison import Comparison


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.2, "▲ +1.20 %"), (-0.4, "▼ −0.40 %"), (0.0, "■ 0.00 %"), (-0.001, "■ 0.00 %"), (None, "–")],
)  # fmt: skip
def test_a_change_has_an_arrow_and_a_sign(value: float | None, shown: str) -> None:
    assert text.change(value) == shown


def test_numbers_have_separators_and_a_true_minus() -> None:
    assert (text.number(-1234.567), text.money(1234.5), text.percent(None)) == ("−1,234.57", "$1,234.50", "–")
    assert (text.plural(1, "session"), text.plural(1200, "session")) == ("1 session", "1,200 sessions")
    assert text.with_minus("moved -3.7 % in 63; three-times") == "moved −3.7 % in 63; three-times"


@pytest.mark.parametrize(
    ("found", "glyph", "said"),
    [
        (Comparison(0.3, 0.1, 0.5, 20, 20), "…", "Not enough evidence yet: n = 20 of 21"),
        (Comparison(0.3, 0.1, 0.5, 412, 412, 21), "…", "Not enough evidence yet: n = 19 of 21"),
        (Comparison(-0.1, -0.3, 0.1, 2060, 20), "…", "Not enough evidence yet: n = 20 of 21"),
        (Comparison(None, None, None, 500, 500), "…", "Nothing to compare: tomorrow-is-today made no error (n = 500)"),
        (Comparison(0.0, 0.0, 0.0, 21, 21), "✕",
         "No skill: no better than tomorrow-is-today, 95 % +0.0 to +0.0 % (n = 21)"),
        (Comparison(-0.435, -0.6, -0.28, 40, 40), "✕",
         "No skill: worse than tomorrow-is-today by 43.5 %, 95 % −60.0 to −28.0 % (n = 40)"),
        (Comparison(-0.22, None, None, 156, 39, 21), "✕",
         "No skill: worse than tomorrow-is-today by 22.0 % (n = 156 on 39 sessions, counting as 1)"),
        (Comparison(-0.2, -0.3, -0.1, 2060, 20), "✕",
         "No skill: worse than tomorrow-is-today by 20.0 %, 95 % −30.0 to −10.0 % (n = 2,060 on 20 sessions)"),
        (Comparison(0.008, -0.012, 0.027, 229, 229), "○",
         "No proof of skill: 0.8 % below tomorrow-is-today, 95 % −1.2 to +2.7 % (n = 229)"),
        (Comparison(0.5, None, None, 229, 229), "○", "No proof of skill: 50.0 % below tomorrow-is-today (n = 229)"),
        (Comparison(0.021, 0.004, 0.038, 1200, 1200), "✓",
         "Error 2.1 % below tomorrow-is-today, 95 % +0.4 to +3.8 % (n = 1,200)"),
    ],
)  # fmt: skip
def test_a_verdict_claims_skill_only_where_the_interval_does(found: Comparison, glyph: str, said: str) -> None:
    assert tiles.verdict(found) == said
    badge = tiles.skill_badge(found)
    assert _text(badge)[0] == glyph
    assert _props(badge)["className"] == f"skill-badge {found.outcome}"


@pytest.mark.parametrize("background", ["#ffffff", "#191c21"])
def test_the_figures_colours_stand_out_on_both_backgrounds(background: str) -> None:
    ratios = {colour: _contrast(colour, background) for colour in (BLUE, VERMILLION, GREEN, PURPLE, GREY)}
    assert {colour: ratio for colour, ratio in ratios.items() if ratio < 3} == {}


@pytest.mark.parametrize(
    ("error", "command"),
    [
        (sa.exc.OperationalError("SELECT secret", {}, Exception("password=hunter2 refused")), "ldtm up"),
        (sa.exc.OperationalError("", {}, Exception("canceling statement due to statement timeout")), "ldtm status"),
        (sa.exc.ProgrammingError("SELECT secret", {}, Exception('relation "x" does not exist')), "ldtm init-db"),
    ],
)
def test_an_error_names_a_command_and_nothing_of_the_connection(error: sa.exc.SQLAlchemyError, command: str) -> None:
    said = _text(states.failed(error))
    assert command in said
    assert not any(secret in said for secret in ("hunter2", "secret", "relation"))


def _text(component: object) -> str:
    """All words of a component and of what is in it."""
    if component is None or isinstance(component, str | int | float):
        return "" if component is None else str(component)
    if isinstance(component, list | tuple):
        return " ".join(filter(None, map(_text, component)))
    assert isinstance(component, Component)
    return _text(_props(component).get("children"))


def _props(component: Component) -> dict[str, Any]:
    props: dict[str, Any] = component.to_plotly_json()["props"]  # type: ignore[no-untyped-call]
    return props


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
