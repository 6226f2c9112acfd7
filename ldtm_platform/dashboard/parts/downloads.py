"""The CSV buttons of all tables and figures: two callbacks that run in the browser (assets/ldtm.js)."""

from dash import MATCH, ClientsideFunction, Dash, Input, Output, State


def register(app: Dash) -> None:
    """Let every CSV button that `grid` and `graph` draw do its work."""
    app.clientside_callback(
        ClientsideFunction("ldtm", "exportGrid"),
        Output({"type": "grid", "key": MATCH}, "exportDataAsCsv"),
        Input({"type": "csv-of-grid", "key": MATCH}, "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("ldtm", "exportFigure"),
        Output({"type": "csv-of-figure", "key": MATCH}, "title"),
        Input({"type": "csv-of-figure", "key": MATCH}, "n_clicks"),
        State({"type": "figure", "key": MATCH}, "figure"),
        State({"type": "csv-of-figure", "key": MATCH}, "data-file"),
        State({"type": "csv-of-figure", "key": MATCH}, "title"),
        prevent_initial_call=True,
    )
