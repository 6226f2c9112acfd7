"""A figure on a page: heading, what it rests on, the graph, and its data as CSV."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts.aria import aria, data
from ldtm_platform.dashboard.parts.sections import csv_button, section

_CONFIG: Any = {
    "displaylogo": False,
    "responsive": True,
    "scrollZoom": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


def graph(
    key: str,
    figure: dict[str, Any],
    *,
    title: str,
    note: str | Component,
    description: str,
    height: int = 340,
    file_name: str | None = None,
) -> Component:
    """A section with a figure. `key` is unique on the page; `description` is what a screen reader says of the figure.

    The button gives every point that is drawn, as `<file_name or key>.csv`.
    """
    figure["layout"]["height"] = height
    drawn = dcc.Graph(id={"type": "figure", "key": key}, figure=figure, config=_CONFIG, style={"height": height})
    words = f"The data of “{title}” as CSV"
    button = csv_button("figure", key, words, **data(file=f"{file_name or key}.csv"))
    return section(key, title, note, html.Div(drawn, role="img", **aria(label=description)), button=button)


def without_graph(title: str, instead: Component) -> Component:
    """A section that says why it draws no figure."""
    return section("-".join(title.lower().split()), title, None, instead, button=None)
