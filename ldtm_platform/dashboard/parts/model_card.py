"""The card of a ticker's model: when and on what it was trained, its losses, its skill per head, its latest signal."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
import polars as pl
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts import states
from ldtm_platform.dashboard.parts.aria import aria, data
from ldtm_platform.dashboard.parts.text import MISSING, change, day, number
from ldtm_platform.dashboard.parts.tiles import GLYPHS
from ldtm_platform.evaluation.comparison import Outcome
from ldtm_platform.evaluation.verdict import of_test_part
from ldtm_platform.horizons import HORIZONS

_PARTS = {"train": "train_loss", "validation": "best_val_loss", "test": "test_loss"}
_SCALE = (
    "Squared errors of scaled closes, the three heads added up: alone a loss says nothing. For scale, "
    "tomorrow-is-today loses about 0.63 on a random walk and 0.74 to 0.80 on real stocks, and LD-TM's authors "
    "report 0.71."
)
_HEADS = {"next_day": "Next day", "next_monday": "Next Monday", "one_month": "One month", "total": "All three"}


def model_card(ticker: str, card: pl.DataFrame, chosen: dict[str, Any]) -> Component:
    """The card. card: as screens.model_card gives it; chosen: the snapshot that the page looks at."""
    if card.is_empty() or card["version"][0] is None:
        why = f"No model of {ticker} was promoted yet."
        message = None if card.is_empty() else card["last_training_message"][0]
        return states.empty("No model", f"{why} The last training said: {message}." if message else why, _train(ticker))
    row = card.row(0, named=True)
    return dmc.Paper(
        [
            html.Div([html.H2("Model card"), html.Code(row["version"])], className="section-head"),
            html.Div(f"{of_test_part(_skills(row)['test'].get('total'))}.", className="section-note"),
            html.Div([_facts(row, chosen), html.Div([_loss_table(row), _skill_table(row)])], className="two"),
        ],
        withBorder=True,
        className="section",
        id="model-card",
    )


def _train(ticker: str) -> tuple[str, ...]:
    return (f"ldtm train --ticker {ticker}",)


def _skills(row: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    known = json.loads(row["skill"] or "{}")
    return {part: known.get(part) or {} for part in ("validation", "test")}


def _windows(row: dict[str, Any]) -> dict[str, dict[str, int]]:
    known = json.loads(row["windows"] or "{}")
    return {part: known.get(part) or {} for part in _PARTS}


def _facts(row: dict[str, Any], chosen: dict[str, Any]) -> Component:
    windows = _windows(row)["train"]
    trained_on = [f"{_HEADS[head]} {number(windows[head], 0)}" for head in HORIZONS if head in windows]
    facts = {
        "Model family": row["family"],
        "Last trained": _instant(row["last_trained_at"]),
        "Trained through": day(row["trained_through"]),
        "Champion since": _instant(row["promoted_at"]),
        "Epochs": f"{row['epochs_run'] or MISSING}, best {row['best_epoch'] or MISSING}",
        "Trained by": row["device"] or MISSING,
        "Feature rows": number(row["trained_rows"], 0),
        "Windows trained on": " · ".join(trained_on) or MISSING,
        "Inference": _latency(row["inference_sec"]),
        "Latest signal": _signal(chosen),
        "Last training": f"{row['last_training_status'] or MISSING} {row['last_training_message'] or ''}".strip(),
    }
    return html.Dl([part for name, value in facts.items() for part in (html.Dt(name), html.Dd(value))])


def _signal(chosen: dict[str, Any]) -> str:
    """The implied one-month return as the table of today's predictions has it: month over next day."""
    month, tomorrow = chosen["one_month_close_pred"], chosen["next_day_close_pred"]
    if not month or not tomorrow:
        return MISSING
    implied = change(round(100 * (month / tomorrow - 1), 2))
    return f"{implied} from the next day's forecast to the month's, of {day(chosen['run_date'])}"


def _latency(seconds: float | None) -> str:
    """A forecast's time: all tickers are forecast in one call, of which each has its share."""
    if seconds is None:
        return MISSING
    shown = f"{number(1e6 * seconds, 0)} µs" if seconds < 0.001 else f"{number(1000 * seconds, 1)} ms"
    return f"{shown}, its share of the call for all tickers"


def _loss_table(row: dict[str, Any]) -> Component:
    windows = _windows(row)
    body = [
        [
            part.capitalize(),
            number(row[name], 3),
            number(row[f"persistence_{name.removeprefix('best_')}"], 3),
            number(windows[part].get("total"), 0),
        ]
        for part, name in _PARTS.items()
    ]
    return _table(row, "loss", ("Loss", "Model", "Tomorrow-is-today", "Windows"), body, _SCALE)


def _skill_table(row: dict[str, Any]) -> Component:
    skills, windows = _skills(row), _windows(row)
    body = [
        [
            _HEADS[name],
            *(
                cell
                for part, skill in skills.items()
                for cell in (_skill(skill.get(name)), number(windows[part].get(name), 0))
            ),
        ]
        for name in (*HORIZONS, "total")
    ]
    note = (
        "Skill is 1 − loss / tomorrow-is-today's loss on the same windows: ✕ below zero is worse than no model, "
        "○ above zero on one such part proves nothing."
    )
    return _table(row, "skill", ("Skill per head", "Validation", "n", "Test", "n"), body, note)


def _table(
    row: dict[str, Any], name: str, titles: Sequence[str], body: Sequence[Sequence[str | Component]], note: str
) -> Component:
    words = f"{titles[0]} as CSV"
    button = html.Button(
        "CSV",
        className="csv",
        title=words,
        **data(table=f"card-{name}", file=f"{row['version']}_{name}.csv"),
        **aria(label=words),
    )
    rows = [html.Tr([html.Th(first, scope="row"), *map(html.Td, rest)]) for first, *rest in body]
    table = [html.Thead(html.Tr([html.Th(title) for title in titles])), html.Tbody(rows)]
    return html.Div([html.Table(table, className="plain", id=f"card-{name}"), html.P(note), button])


def _skill(value: float | None) -> Component:
    if value is None:
        return html.Span(MISSING)
    kind: Outcome = "unproven" if value > 0 else "worse"
    return html.Span(f"{GLYPHS[kind]} {number(100 * value, 1)} %", className=f"skill-text {kind}")


def _instant(value: datetime | None) -> str:
    return MISSING if value is None else f"{value:%Y-%m-%d %H:%M} UTC"
