"""What a page says when it has nothing, or cannot read: what is the matter and which command mends it."""

from collections.abc import Sequence
from datetime import date

import dash_mantine_components as dmc
import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts.text import day, plural
from ldtm_platform.profiles import as_typed

# What fills an empty platform, in the order in which it is needed.
FILL = ("ldtm ingest", "ldtm train --all", "ldtm pipeline")
DEMO = "make demo"


def as_of(session: date | None, *, n: int | None = None, notes: Sequence[str | Component] = ()) -> Component:
    """The line below every heading: which session the figures are of, on how many evaluated sessions they rest."""
    parts: list[str | Component] = [html.Span(["As of ", html.Time(day(session), dateTime=str(session))])]
    if n is not None:
        parts.append(f"n = {plural(n, 'evaluated session')}")
    return html.Div([html.Span(part) for part in [*parts, *notes]], className="as-of")


def empty(title: str, why: str, commands: Sequence[str] = (*FILL, DEMO)) -> Component:
    """An empty state: what is missing, why, and the commands that bring it."""
    return dmc.Paper(
        [
            html.H2(title, className="state-title"),
            html.P(why),
            _listed(commands) if commands else None,
        ],
        withBorder=True,
        className="state",
    )


def _listed(commands: Sequence[str]) -> Component:
    return html.Ul([html.Li(html.Code(as_typed(command))) for command in commands], className="commands")


def failed(error: sa.exc.SQLAlchemyError) -> Component:
    """The state when the database cannot be read; the page tries again by itself. Nothing of the connection shows."""
    title, why, commands = _explained(error)
    return html.Div(
        [
            html.H2(title, className="state-title"),
            html.P(why),
            _listed(commands),
        ],
        className="state error",
        role="alert",
    )


def broken(error: Exception) -> Component:
    """The notice after a defect of our own."""
    why = f"A part of this page could not be drawn ({type(error).__name__}). The dashboard's log says where; reload."
    return html.Div(
        [html.H2("That should not have happened", className="state-title"), html.P(why)],
        className="state error",
        role="alert",
    )


def _explained(error: sa.exc.SQLAlchemyError) -> tuple[str, str, tuple[str, ...]]:
    if isinstance(error, sa.exc.ProgrammingError):
        why = "Its tables are not those that this version reads. Bring them up to date, then reload."
        return "The database is not set up", why, ("ldtm init-db",)
    if "canceling statement" in str(error):
        why = "The query took longer than it may. The database may be busy with a training; this page tries again."
        return "The database is too slow to answer", why, ("ldtm status",)
    why = "The page stays, and tries again every few seconds. Is the platform running?"
    return "The database does not answer", why, ("ldtm up", "make demo", "ldtm status")
