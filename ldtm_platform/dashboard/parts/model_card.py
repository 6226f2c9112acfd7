"""The card of a ticker's model: when and on what it was trained, its losses, its skill per head, its latest signal."""

import json
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
            html.Div([_facts(row, chosen), _skill_table(row)], className="two"),
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


def _facts(row: dict[str, Any], chosen: dict[str, Any]) -> Component:
    seconds = row["inference_sec"]
    facts = {
        "Model family": row["family"],
        "Last trained": _instant(row["last_trained_at"]),
        "Trained through": day(row["trained_through"]),
        "Champion since": _instant(row["promoted_at"]),
        "Epochs": f"{row['epochs_run'] or MISSING}, best {row['best_epoch'] or MISSING}",
        "Trained by": row["device"] or MISSING,
        "Windows trained on": number(row["trained_rows"], 0),
        "Loss": f"train {_loss(row, 'train_loss')}, validation {_loss(row, 'best_val_loss')}, "
        f"test {_loss(row, 'test_loss')}",
        "Inference": MISSING if seconds is None else f"{number(1000 * seconds, 0)} ms",
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


def _skill_table(row: dict[str, Any]) -> Component:
    skills = _skills(row)
    words = "Skill per head as CSV"
    button = html.Button(
        "CSV",
        className="csv",
        title=words,
        **data(table="skill-per-head", file=f"{row['version']}_skill.csv"),
        **aria(label=words),
    )
    head = html.Tr([html.Th("Skill per head"), html.Th("Validation"), html.Th("Test")])
    body = [
        html.Tr([html.Th(_HEADS[name], scope="row"), *(html.Td(_skill(skills[part].get(name))) for part in skills)])
        for name in (*HORIZONS, "total")
    ]
    note = (
        "Skill is 1 − loss / tomorrow-is-today's loss on the same windows: ✕ below zero is worse than no model, "
        "○ above zero on one such part proves nothing."
    )
    table = html.Table([html.Thead(head), html.Tbody(body)], className="plain", id="skill-per-head")
    return html.Div([table, html.P(note), button])


def _skill(value: float | None) -> Component:
    if value is None:
        return html.Span(MISSING)
    kind: Outcome = "unproven" if value > 0 else "worse"
    return html.Span(f"{GLYPHS[kind]} {number(100 * value, 1)} %", className=f"skill-text {kind}")


def _loss(row: dict[str, Any], name: str) -> str:
    return number(row[name], 3)


def _instant(value: datetime | None) -> str:
    return MISSING if value is None else f"{value:%Y-%m-%d %H:%M} UTC"
