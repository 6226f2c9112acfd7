"""A table on a page: heading, what it rests on, an AG Grid in the theme's colours, and its rows as CSV."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts.aria import aria
from ldtm_platform.dashboard.parts.sections import csv_button, section

# The theme's parameters are CSS variables, so that the grid follows dark and light without being told.
_THEME = """themeQuartz.withParams({
    backgroundColor: 'var(--surface)', foregroundColor: 'var(--ink)', headerBackgroundColor: 'var(--surface-2)',
    headerTextColor: 'var(--ink-2)', borderColor: 'var(--line)', rowHoverColor: 'var(--surface-2)',
    oddRowBackgroundColor: 'var(--surface)', accentColor: 'var(--accent)', chromeBackgroundColor: 'var(--surface-2)',
    menuBackgroundColor: 'var(--surface)', inputBackgroundColor: 'var(--surface)', fontFamily: 'inherit',
    fontSize: 13, spacing: 6, cellHorizontalPadding: 8, wrapperBorderRadius: 8, borderRadius: 6,
    browserColorScheme: 'inherit'})"""
# A heading has room for two lines, so that its words do not make a column wider than its values.
_ROW, _HEAD = 36, 46
_COLUMN = {
    "sortable": True,
    "resizable": True,
    "minWidth": 74,
    "flex": 1,
    "suppressMovable": True,
    "wrapHeaderText": True,
}
_OPTIONS = {
    "theme": {"function": _THEME},
    "rowHeight": _ROW,
    "headerHeight": _HEAD,
    "animateRows": False,
    "tooltipShowDelay": 200,
    "enableCellTextSelection": True,
    "ensureDomOrder": True,
}
_NUMERIC = ("number", "money", "percent", "count", "change", "score")


def column(
    field: str,
    title: str,
    *,
    kind: str = "text",
    tip: str | None = None,
    digits: int = 2,
    n: str | None = None,
    bounds: tuple[str, str] | None = None,
    under: str | None = None,
    rests: str | None = None,
    csv: bool = True,
    **more: object,
) -> dict[str, Any]:
    """A column definition; `more` goes to the grid as it is.

    Rows hold plain values (None where unknown): the CSV gets those, the screen gets them as `kind` says: text, day,
    number, money, percent, count, change (▲ ▼ and sign), score (… below enough evidence), bucket (▲ bullish) or skill
    (percent, with n from the field that `n` names and, in its tooltip, the 95 % interval from the fields that `bounds`
    names: ✓ where that lies above 0, ○ where it does not or is not known, ✕ where the skill itself is not above 0). A
    score has the field `under` below it, and the sentence of the field `rests` beside it while the mouse or the
    keyboard is on it. `csv=False` leaves the column out of the CSV.
    """
    definition: dict[str, Any] = {"field": field, "headerName": title, **more}
    if rests:
        definition |= {"cellRenderer": "Score", "cellRendererParams": {"under": under, "rests": rests}}
    if kind in _NUMERIC:
        definition |= {"type": "numericColumn", "valueFormatter": {"function": f"ldtm.{kind}(params.value, {digits})"}}
    elif kind == "skill":
        low, high = bounds or ("", "")
        definition |= {
            "type": "numericColumn",
            "valueFormatter": {"function": f"ldtm.skill(params.value, params.data, '{n or ''}', '{low}')"},
            "tooltipValueGetter": {"function": f"ldtm.between(params.data, '{low}', '{high}')"},
            "cellClassRules": {
                "skill-text worse": "params.value != null && params.value <= 0",
                "skill-text better": f"params.value > 0 && params.data['{low}'] > 0",
            },
        }
    elif kind == "spark":
        definition |= {"cellRenderer": "Sparkline", "cellDataType": False, "sortable": False}
    elif kind == "bucket":
        definition["valueFormatter"] = {"function": "ldtm.bucket(params.value)"}
    if tip:
        definition["headerTooltip"] = tip
    beside = {
        "n": n,
        "95 % from": bounds and bounds[0],
        "95 % to": bounds and bounds[1],
        "what it rests on": rests,
    }
    definition["context"] = {
        "csv": csv,
        "under": under,
        "beside": {words: name for words, name in beside.items() if name},
    }
    return definition


def fields(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields that the columns read from a row: their own, and what stands beside skills and below scores."""
    own = [str(definition["field"]) for definition in columns]
    beside = [str(name) for each in columns for name in each["context"]["beside"].values()]
    under = [str(each["context"]["under"]) for each in columns if each["context"]["under"]]
    return list(dict.fromkeys([*own, *beside, *under]))


def _with_hidden(columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The columns, and one that does not show for each count, bound and what a score rests on: the CSV has it."""
    hidden = [
        {"field": name, "headerName": f"{each['headerName']}: {words}", "hide": True, "context": {"csv": True}}
        for each in columns
        for words, name in each["context"]["beside"].items()
    ]
    return [*(dict(each) for each in columns), *hidden]


def grid(
    key: str,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    *,
    title: str,
    note: str | Component,
    row_id: str | None = None,
    height: int | None = None,
    file_name: str | None = None,
    **options: object,
) -> Component:
    """A section with a table. `key` is unique on the page, `row_id` names the field that identifies a row.

    As high as its rows up to `height` (default 560); further rows and columns scroll inside it. `options` go to
    the grid (dashGridOptions). The button gives the rows as filtered and sorted, as `<file_name or key>.csv`.
    """
    fits = _HEAD + _ROW * max(len(rows), 1) + 24
    listed = _with_hidden(columns)
    table = dag.AgGrid(
        id={"type": "grid", "key": key},
        columnDefs=listed,
        rowData=[dict(row) for row in rows],
        defaultColDef=_COLUMN,
        dashGridOptions={**_OPTIONS, **options},
        csvExportParams={
            "fileName": f"{file_name or key}.csv",
            "columnKeys": [each["field"] for each in listed if each["context"]["csv"]],
            "processCellCallback": {"function": "ldtm.rawCell(params)"},
        },
        style={"height": min(fits, height or 560), "width": "100%"},
        **({"getRowId": f"params.data.{row_id}"} if row_id else {}),
    )
    body = html.Div(table, role="region", **aria(labelledby=f"title-{key}"))
    return section(key, title, note, body, button=csv_button("grid", key, f"The rows of “{title}” as CSV"))
