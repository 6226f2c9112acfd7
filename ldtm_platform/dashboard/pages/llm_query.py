"""LLM Query: a question, an answer that comes as it is written, every number of it checked, and the tables below it.

The answer streams over the dashboard's websocket. Stop, another question, leaving the page or closing it ends the
model's work. Questions and answers are kept nowhere.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from uuid import uuid4

import dash_mantine_components as dmc
import sqlalchemy as sa
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from ldtm_platform.dashboard.page import Page, Place
from ldtm_platform.dashboard.pages import llm_answer
from ldtm_platform.dashboard.parts import controls, states
from ldtm_platform.dashboard.parts.aria import aria
from ldtm_platform.dashboard.parts.text import listed
from ldtm_platform.llm.asking import Answer, Called, Given, Partial, ask
from ldtm_platform.llm.context import QuestionRefused
from ldtm_platform.llm.endpoint import Endpoint, NotConfigured, endpoint_of
from ldtm_platform.llm.toolbox import Toolbox
from ldtm_platform.settings import Settings
from ldtm_platform.universe import Universe, UniverseError, load_universe
from ldtm_platform.warehouse import screens
from ldtm_platform.warehouse.provenance import provenance

KEY, TITLE = "llm_query", "LLM Query"
# Each holds a connection to the model's server.
MOST_AT_ONCE = 8

_log = logging.getLogger(__name__)
Running = dict[str, "asyncio.Task[None]"]


def page(settings: Settings) -> Page:
    """The page LLM Query."""

    def layout(place: Place, engine: sa.Engine) -> Component:
        universe = load_universe(settings.universe)
        endpoint, trouble = _endpoint(settings)
        return html.Div(
            [
                html.Div(
                    [
                        html.Div([html.H1(TITLE), html.Div(_where(endpoint), className="as-of")]),
                        controls.bar(controls.group_select(sorted(universe.groups), place.group)),
                    ],
                    className="page-head",
                ),
                None if endpoint else _not_set(trouble),
                _form(place.group, examples(_with_forecasts(universe, place.group, engine))),
                html.Div(id="llm-status", className="llm-status", role="status", **aria(live="polite")),
                html.Div(id="llm-answer", className="llm-answer"),
                html.Div(id="llm-below"),
                html.Div(id="llm-tables"),
            ]
        )

    def register(app: Dash, engine: sa.Engine) -> None:
        _register(app, engine, settings)

    return Page(KEY, TITLE, layout, register)


def _register(app: Dash, engine: sa.Engine, settings: Settings) -> None:
    running: Running = {}

    @app.callback(
        Input("llm-ask", "n_clicks"),
        State("llm-question", "value"),
        State("llm-place", "data"),
        websocket=True,
        prevent_initial_call=True,
    )
    async def asked(_clicks: int, question: str | None, place: dict[str, str | None]) -> None:
        key = str(place["key"])
        if before := running.pop(key, None):
            before.cancel()
            # Its last words come before the first of this one.
            await asyncio.wait([before])
        if len(running) >= MOST_AT_ONCE:
            set_props("llm-status", {"children": "Too many questions are being answered: ask again in a moment."})
            return
        # A task of its own, so that Stop ends it and not this callback, which the browser waits for.
        task = asyncio.create_task(_answered(question or "", place.get("group"), engine, settings))
        running[key] = task
        try:
            await asyncio.wait([task])
            if not task.cancelled():
                # A defect of ours is shown as on every page.
                task.result()
        finally:
            task.cancel()
            if running.get(key) is task:
                del running[key]

    @app.callback(Input("llm-stop", "n_clicks"), State("llm-place", "data"), websocket=True, prevent_initial_call=True)
    async def stopped(_clicks: int, place: dict[str, str | None]) -> None:
        if task := running.get(str(place["key"])):
            task.cancel()

    @app.callback(
        Output("llm-question", "value"),
        Input({"type": "llm-example", "at": ALL}, "n_clicks"),
        State({"type": "llm-example", "at": ALL}, "children"),
        prevent_initial_call=True,
    )
    async def example(clicks: list[int | None], questions: list[str]) -> object:
        chosen = ctx.triggered_id
        return questions[chosen["at"]] if chosen and any(clicks) else no_update


async def _answered(question: str, group: str | None, engine: sa.Engine, settings: Settings) -> None:
    """Show an answer as it comes. What goes wrong is said on the page."""
    _show(status="Reading the data…", answer="", below="", tables="")
    _busy(True)
    try:
        toolbox = Toolbox(engine, load_universe(settings.universe), _known(settings, group))
        endpoint, trouble = _endpoint(settings)
        async with aclosing(ask(question, toolbox, endpoint, trouble)) as events:
            async for event in events:
                _take(event)
    except (QuestionRefused, UniverseError) as refusal:
        _show(status=html.Span(str(refusal), className="llm-trouble"))
    except sa.exc.SQLAlchemyError as error:
        _log.warning("a question could not be answered: %s", type(error).__name__)
        _show(status=states.failed(error))
    except asyncio.CancelledError:
        _show(status="Stopped. What stands here is incomplete.")
        raise
    finally:
        _busy(False)


def _take(event: Given | Called | Partial | Answer) -> None:
    if isinstance(event, Given):
        _show(status="The model is asked…", tables=llm_answer.tables(event.results))
    elif isinstance(event, Called):
        _show(status=f"The model asked for {event.name}: {event.outcome}")
    elif isinstance(event, Partial):
        _show(status="The model writes; what is here is checked so far…", answer=llm_answer.answer_view(event.checked))
    elif event.checked is None:
        trouble = dmc.Paper(
            [
                html.H2("No answer", className="state-title"),
                html.P(_sentence(event.trouble)),
                html.P("The data are below."),
            ],
            withBorder=True,
            className="state error",
        )
        _show(status="", answer=trouble, below=llm_answer.below(event), tables=llm_answer.tables(event.results))
    else:
        view, tables = llm_answer.answer_view(event.checked), llm_answer.tables(event.results)
        _show(status="", answer=view, below=llm_answer.below(event), tables=tables)


def _show(**children: object) -> None:
    for name, shown in children.items():
        set_props(f"llm-{name}", {"children": shown})


def _busy(is_busy: bool) -> None:
    set_props("llm-stop", {"disabled": not is_busy})


def _endpoint(settings: Settings) -> tuple[Endpoint | None, str]:
    try:
        return endpoint_of(settings), ""
    except NotConfigured as error:
        return None, str(error)


def _known(settings: Settings, group: str | None) -> str | None:
    """The group of the address; UniverseError names those that exist."""
    if group:
        load_universe(settings.universe).group(group)
    return group or None


def _where(endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return "no language model is set"
    return f"{endpoint.model or 'the first model'} at {endpoint.base_url}"


def _sentence(trouble: str) -> str:
    return f"{trouble[:1].upper()}{trouble[1:]}."


def _not_set(trouble: str) -> Component:
    why = (
        f"{_sentence(trouble)} Set it in the environment or in .env and start the platform again. Until then a "
        "question shows the tables that it is about."
    )
    return states.empty("No language model yet", why, ("LLM_BASE_URL=http://127.0.0.1:8080/v1 ldtm up",))


def _with_forecasts(universe: Universe, group: str | None, engine: sa.Engine) -> list[str]:
    """The tickers (of a group) that have forecasts, on real prices where there are some."""
    apart = provenance(engine).apart
    mine = universe.groups.get(group, ()) if group else universe.tickers
    return [ticker for ticker in screens.forecast_tickers(engine) if ticker in mine and ticker not in apart]


def examples(tickers: Sequence[str]) -> tuple[str, ...]:
    """Questions to begin with, about some of the tickers that have forecasts, or about none in particular."""
    return (
        "Which tickers have the highest implied one-month return?",
        f"How accurate were the forecasts{f' of {listed(tickers[:2])}' if tickers else ''}?",
        "Does any model beat tomorrow-is-today?",
        f"What is in the news{f' on {tickers[-1]}' if tickers else ''}?",
    )


def _form(group: str | None, questions: Sequence[str]) -> Component:
    chips = [
        html.Button(question, id={"type": "llm-example", "at": at}, className="chip llm-example")
        for at, question in enumerate(questions)
    ]
    return dmc.Paper(
        [
            # The key names this page's run to its Stop button; nobody else can guess it.
            dcc.Store(id="llm-place", data={"key": uuid4().hex, "group": group}),
            dmc.Textarea(
                id="llm-question",
                label="Question" if not group else f"Question on the group {group.replace('_', ' ')}",
                placeholder="About forecasts, accuracy, models or headlines; tickers in capitals",
                autosize=True,
                minRows=2,
                maxRows=8,
            ),
            html.Div(
                [
                    dmc.Button("Ask", id="llm-ask", className="llm-ask"),
                    dmc.Button("Stop", id="llm-stop", variant="default", disabled=True),
                    *chips,
                ],
                className="llm-buttons",
            ),
        ],
        withBorder=True,
        className="section",
    )
