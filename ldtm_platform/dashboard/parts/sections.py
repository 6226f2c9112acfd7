"""What every table and figure stands in: a heading, what it rests on, and a button for its data as CSV."""

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts.aria import aria


def section(
    key: str, title: str, note: str | Component | None, body: Component, *, button: Component | None
) -> Component:
    """A framed section; its heading has the id `title-<key>`."""
    return dmc.Paper(
        [
            html.Div([html.H2(title, id=f"title-{key}"), button], className="section-head"),
            html.Div(note, className="section-note") if note is not None else None,
            body,
        ],
        withBorder=True,
        className="section",
    )


def csv_button(kind: str, key: str, words: str, **more: Any) -> Component:  # noqa: ANN401
    """The button of a table (`grid`) or a figure (`figure`) that parts/downloads.py listens to."""
    return html.Button(
        "CSV", id={"type": f"csv-of-{kind}", "key": key}, className="csv", title=words, **aria(label=words), **more
    )
