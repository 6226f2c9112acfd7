"""Ticker View: one ticker's price, what was forecast for each session, how wrong that was, and the model behind it."""

from typing import Any

import polars as pl
import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.figures import history as drawable
from ldtm_platform.dashboard.figures.ticker import NAMES, TITLES, error_figure, price_figure
from ldtm_platform.dashboard.page import Page, Place, no_callbacks
from ldtm_platform.dashboard.pages.ticker_read import View, read_view
from ldtm_platform.dashboard.pages.ticker_table import forecast_grid
from ldtm_platform.dashboard.parts import controls, graphs, made_up, states, tiles
from ldtm_platform.dashboard.parts.model_card import model_card
from ldtm_platform.dashboard.parts.text import change, day, money, number, plural
from ldtm_platform.evaluation.comparison import Comparison, compared
from ldtm_platform.evaluation.confidence_words import confidence_sentence
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.settings import Settings
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse import screens
from ldtm_platform.warehouse.provenance import provenance

KEY, TITLE = "ticker_view", "Ticker View"


def page(settings: Settings) -> Page:
    """The page Ticker View."""

    def layout(place: Place, engine: sa.Engine) -> Component:
        listed = load_universe(settings.universe).tickers
        ticker = place.ticker or next(iter(screens.forecast_tickers(engine)), listed[0])
        view = read_view(engine, ticker, place.session)
        if view is None:
            tried = screens.model_card(engine, ticker)
            return html.Div([_head(listed, ticker, None, place), _nothing(ticker, listed, place, tried)])
        notice = made_up.notice(provenance(engine), [ticker])
        return html.Div([_head(listed, ticker, view, place), notice, *_body(view)])

    return Page(KEY, TITLE, layout, no_callbacks)


def _head(listed: tuple[str, ...], ticker: str, view: View | None, place: Place) -> Component:
    around = view.around if view else {"before": None, "after": None, "first": None, "last": None}
    shown = view.chosen["run_date"] if view else None
    named = [ticker] if ticker not in listed else []
    return html.Div(
        [
            html.Div([html.H1([ticker, html.Span(" Ticker View", className="h1-note")]), _line(view, place)]),
            controls.bar(
                controls.ticker_select([*listed, *named], ticker),
                controls.session_input(shown, first=around["first"], last=around["last"]),
                controls.steps(place.at(KEY, ticker=ticker), around["before"], around["after"]),
            ),
        ],
        className="page-head",
    )


def _line(view: View | None, place: Place) -> Component | None:
    if view is None:
        return None
    scored = view.next_day_errors
    notes: list[str | Component] = []
    run_date = view.chosen["run_date"]
    if place.session and place.session != run_date:
        notes.append(f"no forecast on {place.session}: the session before it is shown")
    if view.chosen["in_sample"]:
        notes.append("in sample: the model has seen what it forecasts, and is not scored")
    if replayed := int(scored["is_replay"].sum()):
        words = f"{replayed:,} of them replayed"
        notes.append(html.Span(words, title="Forecast afterwards, from what was known at each session"))
    return states.as_of(run_date, n=scored.height, notes=notes)


def _nothing(ticker: str, listed: tuple[str, ...], place: Place, tried: pl.DataFrame) -> Component:
    if place.ticker and ticker not in listed:
        why = f"The universe file lists no {ticker}. Choose another ticker above, or add it to a group of that file."
        return states.empty(f"No ticker {ticker}", why, ("ldtm universe",))
    if place.session:
        why = f"There is no forecast of {ticker} on {place.session} or before."
        return states.empty("Nothing was forecast by then", why, ("ldtm pipeline",))
    if tried.height and tried["version"][0] is None:
        why = f"It has no model. The last training said: {tried['last_training_message'][0]}."
        return states.empty(f"No forecast of {ticker} yet", why, (f"ldtm train --ticker {ticker}",))
    why = "Prices, a trained model and one evening's run are needed, in this order. The demo does all three."
    commands = (f"ldtm ingest --ticker {ticker}", f"ldtm train --ticker {ticker}", "ldtm pipeline", states.DEMO)
    return states.empty(f"No forecast of {ticker} yet", why, commands)


def _body(view: View) -> list[Component]:
    return [
        tiles.tiles(_tiles(view)),
        _price(view),
        html.Div(
            [
                _errors(view, "next_day", view.next_day_errors, view.next_day),
                _errors(view, "one_month", view.one_month_errors, compared(view.one_month_errors, "one_month")),
            ],
            className="two",
        ),
        _confidence(view),
        forecast_grid(view.ticker, view.history, view.chosen, _record(view)),
        model_card(view.ticker, view.card, view.chosen),
    ]


def _tiles(view: View) -> list[Component]:
    chosen = view.chosen
    close = chosen["run_date_close"]
    forecasts = [
        tiles.tile(
            f"{TITLES[horizon]}, {chosen[f'{horizon}_target_date']}",
            money(chosen[f"{horizon}_close_pred"]),
            _came(chosen, horizon, close),
        )
        for horizon in HORIZONS
    ]
    return [
        tiles.tile("Close", money(close), f"{chosen['run_date']}"),
        *forecasts,
        tiles.tile("Next-day skill, last year", tiles.skill_badge(view.next_day), "against tomorrow-is-today"),
        _confidence_tile(view.confidence),
    ]


def _came(chosen: dict[str, Any], horizon: str, close: float | None) -> Component:
    predicted, actual = chosen[f"{horizon}_close_pred"], chosen[f"{horizon}_actual"]
    said = change(100 * (predicted / close - 1)) if predicted and close else "no forecast"
    came = "not known yet" if actual is None else f"came {money(actual)}"
    if actual is not None and close:
        came += f", {change(100 * (actual / close - 1))}"
    return html.Span([html.Span(said), html.Br(), html.Span(came)])


def _confidence_tile(rows: pl.DataFrame) -> Component:
    month = rows.filter(pl.col("horizon") == "one_month").rows(named=True)
    if not month:
        return tiles.tile("Confidence, one month", "–", "not scored: made in sample, or before scores were kept")
    (row,) = month
    shown = "Not enough evidence yet" if row["score"] is None else f"{number(row['score'], 0)} of 100"
    return tiles.tile("Confidence, one month", shown, "explained below")


def _confidence(view: View) -> Component:
    """What each horizon's score rests on, a sentence each."""
    by_horizon = {row["horizon"]: confidence_sentence(row) for row in view.confidence.rows(named=True)}
    if not by_horizon:
        return html.Div()
    lines = [html.Li(by_horizon[horizon]) for horizon in HORIZONS if horizon in by_horizon]
    note = f"As of {day(view.chosen['run_date'])}: 0 to 100 by hit rate, error and evidence known that evening."
    return graphs.without_graph("Confidence", html.Div([html.Div(note, className="section-note"), html.Ul(lines)]))


def _price(view: View) -> Component:
    note = (
        f"Each forecast stands at the session it was made for, not at the day it was made. As of "
        f"{day(view.chosen['run_date'])}: the last {plural(view.history.height, 'forecast session')}, prices in the "
        f"share count of the last close drawn. {_record(view)}"
    )
    return graphs.graph(
        "price",
        price_figure(view.closes, view.history, view.chosen),
        title="Price and forecasts",
        note=note,
        description=f"Closing price of {view.ticker} with forecasts at their target sessions",
        height=420,
        file_name=f"{view.ticker}_price_and_forecasts",
    )


def _record(view: View) -> str:
    """What the record of the next days and Mondays is worth."""
    return f"Next day: {tiles.verdict(view.next_day)}. Next Monday: {tiles.verdict(view.next_monday)}."


def _errors(view: View, horizon: str, scored: pl.DataFrame, found: Comparison) -> Component:
    title = f"{TITLES[horizon]}: error beside tomorrow-is-today"
    n, steps = found.n, found.steps
    if found.independent < tiles.ENOUGH:
        kind = "matured" if steps == 1 else f"independent {NAMES[horizon].replace(' ', '-')}"
        return graphs.without_graph(title, tiles.not_enough(found.independent, of=f"{kind} forecast"))
    own, naive = drawable.mean_errors(scored)
    overlap = f" {n} forecasts of {steps} sessions overlap and count as {found.independent}." if steps > 1 else ""
    note = html.Span(
        [
            tiles.skill_badge(found),
            f" As of {view.chosen['run_date']}. Mean error {number(own)} %, tomorrow-is-today {number(naive)} %, "
            f"targets {scored['target_date'][0]} to {scored['target_date'][-1]}.{overlap}",
        ]
    )
    return graphs.graph(
        f"errors-{horizon}",
        error_figure(scored, horizon),
        title=title,
        note=note,
        description=f"Absolute {NAMES[horizon]} forecast errors of {view.ticker} and of persistence",
        file_name=f"{view.ticker}_{horizon}_errors",
    )
