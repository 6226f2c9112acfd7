"""What stands around every page: name, tabs, theme switch, and the callback that draws the page of an address.

Moving about is the browser's matter (assets/ldtm.js): tabs, links of the form `?tab=...` and the controls of
parts/controls.py change the address, and a change of the address is the one thing that draws a page.
"""

import logging

import dash_mantine_components as dmc
import sqlalchemy as sa
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html, set_props
from dash.development.base_component import Component

from ldtm_platform.dashboard.page import Page, parse
from ldtm_platform.dashboard.parts import controls, states
from ldtm_platform.dashboard.parts.aria import aria, data
from ldtm_platform.dashboard.parts.theme import MANTINE
from ldtm_platform.dashboard.parts.threads import in_thread
from ldtm_platform.universe import UniverseError
from ldtm_platform.warehouse import screens

# While the database does not answer, the page asks again this often.
RETRY_MS = 5_000
# An open page looks this often for forecasts of a new session: one look into an index.
LOOK_MS = 60_000

# The scheme is set before the first paint: no flash of white at night.
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
{%favicon%}
{%css%}
<script>
(function () {
  var kept = null;
  try { kept = localStorage.getItem('mantine-color-scheme-value'); } catch (_) {}
  var dark = kept === 'dark' || (kept !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
</script>
</head>
<body>
{%app_entry%}
<noscript><p class="state">The dashboard needs JavaScript. The same figures are in <code>ldtm status</code>,
<code>ldtm cards</code> and the <a href="/api/v1/docs">JSON API</a>.</p></noscript>
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""

_log = logging.getLogger(__name__)


def layout(pages: tuple[Page, ...]) -> Component:
    """The frame around the pages, with the first page's place still empty."""
    return dmc.MantineProvider(
        [
            html.A("Skip to the page", href="#page", className="skip"),
            dcc.Location(id="address", refresh=False),
            dcc.Interval(id="retry", interval=RETRY_MS, disabled=True),
            dcc.Interval(id="look", interval=LOOK_MS),
            dcc.Store(id="newest"),
            html.Header([_brand(), _tabs(pages), _switch()], className="top"),
            html.Div(id="notice", **aria(live="polite")),
            html.Div(id="fresh", **aria(live="polite")),
            dcc.Loading(
                html.Main(_waiting(), id="page", tabIndex="-1"),
                target_components={"page": "children"},  # type: ignore[arg-type]
                delay_show=250,
                overlay_style={"visibility": "visible", "opacity": 0.5},
                custom_spinner=html.Div("Loading…", className="loading", role="status"),
                parent_className="page-holder",
            ),
        ],
        theme=MANTINE,
        defaultColorScheme="auto",
    )


def register(app: Dash, engine: sa.Engine, pages: tuple[Page, ...]) -> None:
    """The callbacks of the frame."""
    by_key = {page.key: page for page in pages}
    tabs = tuple(by_key)

    @app.callback(
        Output("page", "children"),
        Output("retry", "disabled"),
        Output("newest", "data"),
        Input("address", "search"),
        Input("retry", "n_intervals"),
        prevent_initial_call=True,
    )
    @in_thread
    def draw(query: str | None, _tries: int | None) -> tuple[Component, bool, str | None]:
        place = parse(query, tabs)
        try:
            newest = _newest(engine)
            drawn = by_key[place.tab].layout(place, engine)
        except sa.exc.SQLAlchemyError as error:
            _log.warning("the page %s could not be read: %s", place.tab, type(error).__name__)
            return states.failed(error), False, None
        except UniverseError as error:
            return states.empty("The universe file cannot be used", f"{error}", ("ldtm universe",)), False, None
        return html.Div(drawn, className=f"page-{place.tab}"), True, newest

    _register_look(app, engine, tabs)
    _register_moves(app)


def callback_failed(error: Exception) -> None:
    """What a callback's failure looks like: the page stays as it is, with a notice above it."""
    if isinstance(error, sa.exc.SQLAlchemyError):
        _log.warning("a callback could not read: %s", type(error).__name__)
        set_props("notice", {"children": states.failed(error)})
        return
    _log.error("a callback failed", exc_info=error)
    set_props("notice", {"children": states.broken(error)})


def _register_look(app: Dash, engine: sa.Engine, tabs: tuple[str, ...]) -> None:
    @app.callback(
        Output("fresh", "children"),
        Input("look", "n_intervals"),
        Input("newest", "data"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    @in_thread
    def look(_times: int | None, shown: str | None, query: str | None) -> Component | None:
        try:
            newest = _newest(engine)
        except sa.exc.SQLAlchemyError:
            # The page says that itself as soon as it is drawn.
            return None
        if newest is None or shown is None or newest <= shown:
            return None
        place = parse(query, tabs)
        link = controls.link("Show them", place, "session", None, **data(reload="true"))
        return html.P([f"Forecasts of {newest} have arrived. ", link], className="made-up", role="status")


def _newest(engine: sa.Engine) -> str | None:
    session = screens.session_at(engine, None)
    return None if session is None else session.isoformat()


def _register_moves(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("ldtm", "arrived"),
        Output("tabs", "value"),
        Output("notice", "children"),
        Input("address", "search"),
        State("tabs", "value"),
    )
    app.clientside_callback(ClientsideFunction("ldtm", "toTab"), Input("tabs", "value"), prevent_initial_call=True)
    app.clientside_callback(
        ClientsideFunction("ldtm", "toChoice"),
        Input({"type": "place", "part": ALL}, "value"),
        State({"type": "place", "part": ALL}, "data-shown"),
        State({"type": "place", "part": ALL}, "id"),
        prevent_initial_call=True,
    )


def _brand() -> Component:
    return html.A(
        [html.Span("LD-TM", className="brand-name"), html.Span("one forecaster per ticker, scored honestly")],
        href="?",
        className="brand",
    )


def _tabs(pages: tuple[Page, ...]) -> Component:
    return dmc.Tabs(
        dmc.TabsList(
            [dmc.TabsTab(page.title, value=page.key) for page in pages], **aria(label="Pages of the dashboard")
        ),
        id="tabs",
        value=pages[0].key,
        className="tabs",
    )


def _switch() -> Component:
    return dmc.ColorSchemeToggle(
        lightIcon=html.Span("Dark theme"),
        darkIcon=html.Span("Light theme"),
        variant="default",
        className="scheme-switch",
        **aria(label="Switch between dark and light"),
    )


def _waiting() -> Component:
    return html.Div(
        [
            html.Div("Loading…", className="visually-hidden", role="status"),
            dmc.Skeleton(height=28, width="40%", mb="md"),
            dmc.Skeleton(height=84, mb="md"),
            dmc.Skeleton(height=340),
        ]
    )
