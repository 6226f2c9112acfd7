"""Today's Predictions: every ticker's newest forecast, highest implied one-month return first."""

from datetime import date

import polars as pl
import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.figures import today
from ldtm_platform.dashboard.page import Page, Place, no_callbacks
from ldtm_platform.dashboard.parts import controls, grids, made_up, states, tiles
from ldtm_platform.dashboard.parts.aria import aria
from ldtm_platform.dashboard.parts.grids import column
from ldtm_platform.dashboard.parts.text import number, plural
from ldtm_platform.evaluation.comparison import Comparison, alike
from ldtm_platform.settings import Settings
from ldtm_platform.universe import Universe, load_universe
from ldtm_platform.warehouse import reads, screens
from ldtm_platform.warehouse.provenance import Provenance, provenance

KEY, TITLE = "todays_predictions", "Today's Predictions"
# Calendar days that hold SPARK_SESSIONS sessions, whatever the holidays.
_SPARK_DAYS = 48
_SCORE = "0 to 100; … is not enough evidence yet (21 independent forecasts are needed)"
_SKILL = (
    "1 − error / tomorrow-is-today's over the record, of |ln(forecast / close)|. ✓ all of its 95 % interval is above "
    "0, ○ no proof: above 0 and the interval is not, ✕ at or below 0"
)

_COLUMNS = (
    column("ticker", "Ticker", pinned="left", minWidth=80, maxWidth=90, cellRenderer="TickerLink", filter=True),
    column(
        "spark",
        "30 sessions",
        kind="spark",
        minWidth=134,
        maxWidth=134,
        csv=False,
        tip="The last 30 closes, then (dashed) the one-month forecast; each ticker on its own scale",
    ),
    column(
        "implied_1m_return_pct",
        "Implied 1 m",
        kind="change",
        minWidth=98,
        sort="desc",
        tip="One-month forecast over next-day forecast − 1; bullish above 1 %, bearish below −1 %",
    ),
    column("bucket", "Bucket", kind="bucket", minWidth=82),
    column("run_date_close", "Close", kind="money"),
    column("next_day_close_pred", "Next day", kind="money"),
    column("next_day_pct", "Change", kind="change", minWidth=92, tip="Next-day forecast against the close"),
    column("one_month_close_pred", "One month", kind="money"),
    *(
        column(
            f"{horizon}_confidence",
            f"Confidence, {of}",
            kind="score",
            minWidth=94,
            under=f"{horizon}_right",
            rests=f"{horizon}_rests",
            tip=f"{words} forecast: {_SCORE}; below it, right directions of all",
        )
        for horizon, of, words in (("next_day", "day", "Next-day"), ("one_month", "month", "One-month"))
    ),
    column(
        "next_day_skill_pct",
        "Skill, next day",
        kind="skill",
        minWidth=140,
        n="next_day_n",
        bounds=("next_day_skill_low", "next_day_skill_high"),
        tip=_SKILL,
    ),
    column(
        "one_month_skill_pct",
        "Skill, one month",
        kind="skill",
        minWidth=132,
        n="one_month_n",
        bounds=("one_month_skill_low", "one_month_skill_high"),
        tip=_SKILL,
    ),
    column(
        "made",
        "Made",
        minWidth=82,
        tip="live: that evening; replay: afterwards from what was known then; in sample: not scored",
    ),
    column("one_month_target_date", "Month's target", kind="day", minWidth=94),
)

# Beside the ticker, where some prices are made up and others are not.
_PRICES = column("prices", "Prices", minWidth=84, tip="Where the bars are from; `simulated` is a generator")


def page(settings: Settings) -> Page:
    """The page Today's Predictions."""

    def layout(place: Place, engine: sa.Engine) -> Component:
        universe = load_universe(settings.universe)
        session = screens.session_at(engine, place.session)
        if session is None:
            why = "Prices, trained models and one evening's run are needed, in this order. The demo does all three."
            return html.Div([_head(universe, place, None, None), states.empty("No predictions yet", why)])
        return _filled(universe, place, engine, session)

    return Page(KEY, TITLE, layout, no_callbacks)


def _filled(universe: Universe, place: Place, engine: sa.Engine, session: date) -> Component:
    around = screens.sessions_around(engine, session)
    signals = reads.signals(engine, session)
    confidence = reads.confidence(engine, session)
    drawn = today.rows(signals, confidence, _sparks(engine, signals, session))
    head = _head(universe, place, session, around)
    made = provenance(engine)
    if place.group and place.group not in universe.groups:
        why = f"The universe file has no group {place.group}: it has {', '.join(sorted(universe.groups))}."
        return html.Div([head, states.empty("No such group", why, ("ldtm universe",))])
    in_group = drawn.filter(pl.col("ticker").is_in(list(universe.groups[place.group]))) if place.group else drawn
    shown = in_group.filter(pl.col("bucket") == place.bucket) if place.bucket else in_group
    notice = made_up.notice(
        made, in_group["ticker"].to_list(), then="They are in none of the tiles." if made.apart else ""
    )
    return html.Div(
        [
            head,
            notice,
            _chips(place, in_group),
            tiles.tiles(_tiles(made.poolable(in_group))),
            _table(shown, session, place, made),
        ]
    )


def _sparks(engine: sa.Engine, signals: pl.DataFrame, session: date) -> pl.DataFrame:
    tickers = signals["ticker"].to_list()
    start = date.fromordinal(session.toordinal() - _SPARK_DAYS)
    closes = screens.closes(engine, tickers, start=start, end=session)
    return today.sparklines(closes, reads.splits(engine, tickers), signals)


def _head(universe: Universe, place: Place, session: date | None, around: dict[str, date | None] | None) -> Component:
    line = None
    if session is not None:
        notes = ["the latest session"] if around and around["last"] == session else ["an earlier session"]
        if place.session and place.session != session:
            notes.append(f"nothing was forecast on {place.session}: the nearest session is shown")
        line = states.as_of(session, notes=notes)
    steps = controls.steps(place, around["before"], around["after"]) if around else html.Span()
    first, last = (around["first"], around["last"]) if around else (None, None)
    return html.Div(
        [
            html.Div([html.H1(TITLE), line]),
            controls.bar(
                controls.group_select(sorted(universe.groups), place.group),
                controls.session_input(session, first=first, last=last),
                steps,
            ),
        ],
        className="page-head",
    )


def _chips(place: Place, in_group: pl.DataFrame) -> Component:
    """The buckets with their counts, each a link that shows only its rows."""
    counts = dict(in_group.group_by("bucket").len().iter_rows())
    named: dict[str | None, tuple[str, int]] = {None: ("all", in_group.height)}
    named |= {bucket: (words, counts.get(bucket, 0)) for bucket, words in today.BUCKETS.items()}
    chips = [
        controls.link(
            [words, html.Strong(f"{count}")],
            place,
            "bucket",
            bucket,
            className="chip chosen" if place.bucket == bucket else "chip",
            **aria(current="true" if place.bucket == bucket else "false"),
        )
        for bucket, (words, count) in named.items()
    ]
    return html.Nav(chips, className="chips", **aria(label="Buckets of the implied one-month return"))


def _tiles(rows: pl.DataFrame) -> list[Component]:
    return [
        _skill_tile(rows, "next_day", "Next-day skill, median ticker"),
        _skill_tile(rows, "next_monday", "Next-Monday skill, median ticker"),
        _skill_tile(rows, "one_month", "One-month skill, median ticker"),
        tiles.tile("Forecasts", f"{rows.height}", _how_made(rows)),
        tiles.tile(
            "Confidence above 20",
            f"{rows.filter(pl.col('one_month_confidence') > 20).height}",
            today.resting(rows),
        ),
    ]


def _skill_tile(rows: pl.DataFrame, horizon: str, label: str) -> Component:
    lows = rows[f"{horizon}_skill_low"].drop_nulls()
    detail = (
        f"the interval of {lows.filter(lows > 0).len()} of {plural(lows.len(), 'ticker')} lies above 0; "
        f"by luck alone {number(0.025 * lows.len(), 0)} or so would"
    )
    if lows.is_empty():
        detail = "counted from the first target on" if horizon == "next_day" else "forecasts that overlap count as one"
    return tiles.tile(label, tiles.skill_badge(_median_ticker(rows, horizon)), detail)


def _median_ticker(rows: pl.DataFrame, horizon: str) -> Comparison:
    """Of the tickers with enough evidence."""
    names = {"rel_mae": "rel_mae", "rel_mae_log_se": "rel_mae_log_se", "evaluated": "n"}
    return alike(rows.select(**{name: f"{horizon}_{own}" for name, own in names.items()}), horizon)


def _how_made(rows: pl.DataFrame) -> str:
    counts = dict(rows.group_by("made").len().iter_rows())
    return ", ".join(f"{counts[how]} {how}" for how in ("live", "replay", "in sample") if how in counts) or "none"


def _table(shown: pl.DataFrame, session: date, place: Place, made: Provenance) -> Component:
    columns = (_COLUMNS[0], _PRICES, *_COLUMNS[1:]) if made.apart else _COLUMNS
    whose = pl.col("ticker").replace_strict(made.sources, default=None, return_dtype=pl.String)
    formatted = (
        shown.with_columns(prices=whose).select(grids.fields(columns)).with_columns(pl.col(pl.Date).dt.to_string("iso"))
    )
    chosen = " and ".join(filter(None, (place.group and f"group {place.group}", place.bucket)))
    pooled = made.poolable(shown)
    said = {horizon: tiles.verdict(_median_ticker(pooled, horizon)) for horizon in ("next_day", "next_monday")}
    return grids.grid(
        "predictions",
        columns,
        formatted.rows(named=True),
        title=f"{plural(shown.height, 'prediction')}" + (f": {chosen}" if chosen else ""),
        note=f"As of {session}, by implied one-month return. Median ticker, next day: {said['next_day']}; "
        f"next Monday: {said['next_monday']}.",
        row_id="ticker",
        height=640,
        file_name=f"predictions_{session}",
    )
