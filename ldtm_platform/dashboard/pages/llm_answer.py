"""An answer on the page LLM Query: its checked lines, what stands below them, and the tables that it rests on.

Nothing of a model's text becomes markup: every line is text in elements of ours, and only an address that stood in the
data becomes a link.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts import grids
from ldtm_platform.dashboard.parts.grids import column
from ldtm_platform.dashboard.parts.text import plural
from ldtm_platform.llm import brief, cite, shapes
from ldtm_platform.llm.asking import Answer
from ldtm_platform.llm.kinds import COUNT, PERCENT, PRICE, RATIO, SCORE, Kind
from ldtm_platform.llm.render import rows_of
from ldtm_platform.llm.verify import Checked, CheckedLine, Piece

_KINDS = {PRICE: "money", PERCENT: "percent", COUNT: "count"}
_SAID = {"missing": "not in the data", "headline": "a headline's"}


def answer_view(checked: Checked) -> Component:
    """The lines of an answer, each number with what the check found."""
    shown: list[Component] = []
    for is_row, grouped in groupby(checked.lines, key=lambda line: line.kind == "row"):
        lines = list(grouped)
        shown += [_table(lines)] if is_row else [_line(line) for line in lines if line.kind != "blank"]
    return html.Div(shown, className="llm-lines")


def below(answer: Answer) -> Component:
    """The verdict on the numbers, the session, the rows that they stand in, and the skill badge."""
    checked = answer.checked
    found = sorted({f"{s.row.table} {s.ticker} {s.session}" for s in checked.sources}) if checked else []
    is_clean = checked is not None and not checked.count("missing") and not checked.count("headline")
    parts: list[Component] = []
    if checked is not None:
        glyph = "✓" if is_clean else "⚠"
        kind = "clean" if is_clean else "doubtful"
        parts.append(html.P([html.Strong(f"{glyph} "), checked.verdict], className=f"llm-verdict {kind}"))
    parts += [html.P(note, className="llm-note") for note in answer.notes]
    rows = cite.sources(checked, answer.results)
    label = f"Sources: {plural(len(found), 'row')}" if found else "What was read"
    parts.append(html.P(f"As of {cite.as_of(answer.results) or 'no session yet'}", className="llm-as-of"))
    parts.append(html.Details([html.Summary(label), html.Ul([html.Li(row) for row in rows])], open=len(rows) <= 4))
    if made_up := cite.simulated(answer.results):
        parts.append(html.P(made_up, className="made-up", role="note"))
    parts.append(html.P(cite.badge(answer.fleet), className="llm-skill"))
    return html.Div(parts, className="llm-below")


def tables(results: Sequence[shapes.Result]) -> list[Component]:
    """The data as tables, one a result that has rows."""
    return [_result(at, result) for at, result in enumerate(results) if rows_of(result)]


def _result(at: int, result: shapes.Result) -> Component:
    rows = rows_of(result)
    note = f"{result.source}, as of {result.as_of}: {len(rows)} of {plural(result.total, 'row')}"
    title = brief.TITLES[type(result)]
    if isinstance(result, shapes.Headlines):
        return _headlines(title, note, result)
    columns = [
        column(name, heading or "note", kind=_kind(kind), **_width(heading, kind))
        for name, heading, kind in brief.columns(result)
    ]
    return grids.grid(f"llm-{at}", columns, brief.cells(result), title=title, note=note, height=320)


def _kind(kind: Kind | None) -> str:
    return "text" if kind is None else _KINDS.get(kind, "number")


def _width(heading: str, kind: Kind | None) -> dict[str, Any]:
    """A column is as wide as its heading or a date; ratios and scores have digits of their own."""
    width = {"minWidth": max(112 if kind is None else 96, 8 * len(heading) + 44)}
    return {**width, "digits": kind.decimals} if kind in (RATIO, SCORE) else width


def _headlines(title: str, note: str, result: shapes.Headlines) -> Component:
    items = [
        html.Li(
            [
                html.Time(f"{row.published_at:%Y-%m-%d %H:%M}", className="llm-when"),
                f" {row.ticker} ",
                html.A(row.title, href=row.url, target="_blank", rel="noopener noreferrer nofollow"),
                f" {row.publisher}",
            ]
        )
        for row in result.rows
    ]
    heading = html.Div(html.H2(title), className="section-head")
    return html.Div([heading, html.Div(note, className="section-note"), html.Ul(items)], className="section llm-news")


def _line(line: CheckedLine) -> Component:
    shown = list(_pieces(line.pieces))
    if line.kind == "heading":
        return html.H3(shown)
    if line.kind == "item":
        return html.Div([html.Span(line.marker or "•", className="llm-marker"), html.Div(shown)], className="llm-item")
    return html.P(shown)


def _table(lines: Sequence[CheckedLine]) -> Component:
    return html.Table(
        html.Tbody([html.Tr([html.Td(cell) for cell in _cells(line.pieces)]) for line in lines]), className="llm-table"
    )


def _cells(pieces: Sequence[Piece]) -> list[list[str | Component]]:
    """The pieces of a table's row, parted at its bars."""
    cells: list[list[str | Component]] = [[]]
    for piece in pieces:
        if piece.status or piece.url:
            cells[-1] += _pieces([piece])
            continue
        first, *others = piece.text.split("|")
        cells[-1].append(first)
        cells += [[other] for other in others]
    # A row begins and ends with a bar.
    return cells[1:-1] if len(cells) > 2 else cells


def _pieces(pieces: Sequence[Piece]) -> Iterator[str | Component]:
    for piece in pieces:
        if piece.url:
            yield html.A(piece.text, href=piece.url, target="_blank", rel="noopener noreferrer nofollow")
        elif piece.status is None:
            yield piece.text
        elif piece.status == "found":
            source = piece.sources[0]
            told = " ".join(filter(None, (source.table, source.ticker, source.session, source.column)))
            yield html.Span(piece.text, className="llm-number found", title=told)
        else:
            said = html.Span(f" ({_SAID[piece.status]})", className="llm-mark")
            yield html.Span([piece.text, said], className=f"llm-number {piece.status}")
