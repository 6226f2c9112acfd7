"""TQQQ Signal: the newest strategy summary, why it says so, and what following it would have made."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dash_mantine_components as dmc
import polars as pl
import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.figures.signal import equity_figure
from ldtm_platform.dashboard.page import Page, Place, no_callbacks
from ldtm_platform.dashboard.pages.signal_tables import history_table, record_table
from ldtm_platform.dashboard.parts import controls, graphs, made_up, states, tiles
from ldtm_platform.dashboard.parts.text import change, number, percent, plural, with_minus
from ldtm_platform.evaluation.confidence_words import confidence_sentence
from ldtm_platform.settings import Settings
from ldtm_platform.stages.signal import shown_signal
from ldtm_platform.strategy.summary import FUNDS, Followed, is_of_made_up_prices
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse import reads, screens

KEY, TITLE = "tqqq_signal", "TQQQ Signal"
# Fewer points are no curve.
DRAWN_FROM = 2
_GLYPHS = {"long TQQQ": "▲", "flat": "■", "long SQQQ": "▼"}


def page(settings: Settings) -> Page:
    """The page TQQQ Signal."""

    def layout(place: Place, engine: sa.Engine) -> Component:
        listed = reads.tqqq_signals(engine)
        session = _chosen(listed, place.session)
        shown = None if session is None else shown_signal(engine, session, listed=listed)
        if session is None or shown is None:
            return html.Div([_head(listed, place, None, {}), _nothing(settings)])
        document = shown.document
        return html.Div(
            [
                _head(listed, place, session, document),
                _disclaimer(document["disclaimer"]),
                tiles.tiles(_tiles(document)),
                _reasons(document, screens.ticker_confidence(engine, "TQQQ", session)),
                _curve(shown.followed),
                record_table(document, shown.since),
                history_table(listed),
            ]
        )

    return Page(KEY, TITLE, layout, no_callbacks)


def _chosen(listed: pl.DataFrame, asked: date | None) -> date | None:
    """The last stored session up to the one asked for, the first where none is so early."""
    if listed.is_empty():
        return None
    sessions: list[date] = listed["session"].to_list()
    return max((each for each in sessions if asked is None or each <= asked), default=sessions[0])


def _head(listed: pl.DataFrame, place: Place, session: date | None, document: Mapping[str, Any]) -> Component:
    title = html.H1(TITLE)
    if session is None:
        return html.Div(title, className="page-head")
    sessions: list[date] = listed["session"].to_list()
    at = sessions.index(session)
    notes = ["replayed: made afterwards from what was known then" if document["is_replay"] else "made that evening"]
    if place.session and place.session != session:
        notes.append(f"there is no signal of {place.session}: the nearest is shown")
    before, after = (sessions[at - 1] if at else None), (sessions[at + 1] if at + 1 < len(sessions) else None)
    return html.Div(
        [
            html.Div([title, states.as_of(session, n=_evaluated(document), notes=notes)]),
            controls.bar(
                controls.session_input(session, first=sessions[0], last=sessions[-1]),
                controls.steps(place, before, after),
            ),
        ],
        className="page-head",
    )


def _nothing(settings: Settings) -> Component:
    absent = [fund for fund in FUNDS if fund not in load_universe(settings.universe).tickers]
    if absent:
        why = f"The signal is about TQQQ and SQQQ, and the universe file has no {' and no '.join(absent)}."
        return states.empty("No signal for this universe", why, ("ldtm universe", "make demo-fleet"))
    why = "It needs ten months of bars of both funds, and the daily run. A model is not needed: it has a vote at most."
    return states.empty("No signal yet", why, ("ldtm ingest", "ldtm pipeline", "make demo-fleet"))


def _disclaimer(words: str) -> Component:
    if not is_of_made_up_prices(words):
        return html.P(words, className="luck", role="note")
    return made_up.note(words)


def _tiles(document: Mapping[str, Any]) -> list[Component]:
    market, model, rule = document["market"], document["model"], document["rule"]
    exposure = document["exposure"]
    return [
        tiles.tile("Suggested exposure", f"{_GLYPHS[exposure]} {exposure}", "from the next session's close on"),
        _confidence(document),
        tiles.tile(
            f"Trend of {market['of']}",
            market["trend"],
            f"{change(market['above_mean_pct'], 1)} to its {rule['mean_sessions']}-session mean, "
            f"{change(market['momentum_pct'], 1)} in {rule['momentum_sessions']}",
        ),
        tiles.tile(
            "Volatility",
            market["regime"],
            f"{percent(market['volatility_pct'], 0)} a year; stressed above {percent(market['stressed_above_pct'], 0)}",
        ),
        _model(model),
    ]


def _confidence(document: Mapping[str, Any]) -> Component:
    if document["confidence"] is None:
        enough = document["record"]["minimum_sessions"]
        detail = f"{plural(_evaluated(document), 'session')} on record, {enough} are needed"
        return tiles.tile("Confidence", "… not enough evidence", detail)
    return tiles.tile(
        "Confidence",
        f"{number(document['confidence'], 0)} of 100",
        "how sure the record makes that it beats both flat and holding",
    )


def _model(model: Mapping[str, Any] | None) -> Component:
    if model is None:
        return tiles.tile("Model, one month", "no forecast", "none was made out of sample: no vote")
    vote = {1: "votes for TQQQ", -1: "votes for SQQQ", 0: "no vote"}[model["vote"]]
    record = "not enough evidence" if model["confidence"] is None else f"confidence {number(model['confidence'], 0)}"
    return tiles.tile(
        "Model, one month",
        f"TQQQ {change(model['tqqq_implied_1m_return_pct'], 1)}",
        f"SQQQ {change(model['sqqq_implied_1m_return_pct'], 1)}; {record}: {vote}",
    )


def _reasons(document: Mapping[str, Any], confidence: pl.DataFrame) -> Component:
    month = [row for row in confidence.rows(named=True) if row["horizon"] == "one_month"]
    return dmc.Paper(
        [
            html.H2("Why"),
            html.Ol([html.Li(with_minus(reason)) for reason in document["reasons"]], className="reasons"),
            *(html.P(f"The model of TQQQ: {confidence_sentence(row)}") for row in month),
            html.P(document["rule"]["note"]),
        ],
        withBorder=True,
        className="section",
    )


def _curve(done: Followed) -> Component:
    if len(done.sessions) < DRAWN_FROM:
        return tiles.not_enough(len(done.sessions), enough=DRAWN_FROM, of="session")
    made, held = (100 * (float((1 + walk.returns).prod()) - 1) for walk in (done.walk, done.holding))
    words = f"Following the signal made {change(made, 1)}, buying and holding TQQQ {change(held, 1)}"
    n = plural(len(done.sessions), "session")
    return graphs.graph(
        "equity",
        equity_figure(done),
        title="Following the stored signals",
        note=f"{words}, {done.sessions[0]} to {done.sessions[-1]}, n = {n}, after costs.",
        description=f"{words} over {n}.",
        height=380,
        file_name=f"tqqq_signal_equity_{done.sessions[-1]}",
    )


def _evaluated(document: Mapping[str, Any]) -> int:
    return int(document["record"]["live_sessions"] + document["record"]["replayed_sessions"])
