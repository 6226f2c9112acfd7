"""Accuracy Leaderboard: the last 30 days of each ticker, ranked by what is left when luck is taken out."""

from datetime import date

import polars as pl
import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.figures import leaderboard
from ldtm_platform.dashboard.page import Page, Place, no_callbacks
from ldtm_platform.dashboard.parts import controls, graphs, grids, made_up, states, tiles
from ldtm_platform.dashboard.parts.grids import column
from ldtm_platform.dashboard.parts.text import number, percent, plural
from ldtm_platform.evaluation.comparison import Comparison, alike, compared
from ldtm_platform.settings import Settings
from ldtm_platform.universe import SURVIVORSHIP, Universe, load_universe
from ldtm_platform.warehouse import reads, screens
from ldtm_platform.warehouse.provenance import provenance

KEY, TITLE = "accuracy_leaderboard", "Accuracy Leaderboard"

_COLUMNS = (
    column("rank", "#", kind="count", minWidth=44, maxWidth=70),
    column("ticker", "Ticker", pinned="left", minWidth=80, maxWidth=90, cellRenderer="TickerLink", filter=True),
    column(
        "shrunk_pct",
        "Shrunk",
        kind="percent",
        minWidth=86,
        sort="desc",
        tip="The hit rate drawn to the base rate by a Beta prior: the order of this table",
    ),
    column("hits_of_n", "Hits / n", tip="Right next-day directions of the last 30 calendar days"),
    column("direction_accuracy_pct", "Raw", kind="percent", tip="Hits over n: mostly luck at this n"),
    column("interval", "95 % interval", minWidth=86, tip="Wilson interval of the raw rate"),
    column("avg_abs_pct_error", "Error", kind="percent", tip="Mean absolute next-day error"),
    column(
        "persistence_avg_abs_pct_error",
        "Tomorrow-is-today",
        kind="percent",
        minWidth=100,
        tip="Persistence's mean absolute error on the same sessions",
    ),
    column(
        "skill_pct",
        "Skill, 30 days",
        kind="skill",
        minWidth=132,
        n="evaluated_days",
        bounds=("skill_low_pct", "skill_high_pct"),
        tip="1 − error / tomorrow-is-today's, errors as mean |ln(forecast / close)|. ✓ all of its 95 % interval is "
        "above 0, ○ no proof: above 0 and the interval is not, ✕ at or below 0",
    ),
    column(
        "record_skill_pct",
        "Skill, record",
        kind="skill",
        minWidth=140,
        n="record_evaluated",
        bounds=("record_skill_low_pct", "record_skill_high_pct"),
        tip="The same over the whole record, up to two years",
    ),
    column("record", "Record", tip="Hits / n over the whole record, up to two years"),
    column(
        "confidence",
        "Confidence",
        kind="score",
        minWidth=96,
        under="record_interval",
        rests="confidence_rests",
        tip="0 to 100, next day; … is not enough evidence. Below it, the 95 % interval of the record's hit rate",
    ),
    column(
        "avg_abs_pct_error_weekly",
        "Monday error",
        kind="percent",
        minWidth=76,
        tip="Mean absolute error of the next-Monday forecasts",
    ),
    column(
        "replayed_pct",
        "Replay",
        kind="percent",
        digits=0,
        tip="How much was forecast afterwards, from what was known then",
    ),
)


def page(settings: Settings) -> Page:
    """The page Accuracy Leaderboard."""

    def layout(place: Place, engine: sa.Engine) -> Component:
        universe, made = load_universe(settings.universe), provenance(engine)
        accuracy = made.poolable(reads.accuracy_30d(engine))
        directions = made.poolable(screens.directions_30d(engine))
        confidence = made.poolable(reads.confidence(engine)).filter(pl.col("horizon") == "next_day")
        if accuracy.is_empty():
            why = "A forecast is scored when its target session has closed: the first ones count a session later."
            return html.Div([_head(universe, place, accuracy, None), states.empty("Nothing is scored yet", why)])
        board = leaderboard.ranked(accuracy, directions, confidence)
        notice = made_up.notice(made, made.simulated, then="They are left out." if made.apart else "")
        head = _head(universe, place, board, directions)
        if place.group and place.group not in universe.groups:
            why = f"The universe file has no group {place.group}: it has {', '.join(sorted(universe.groups))}."
            return html.Div([head, states.empty("No such group", why, ("ldtm universe",))])
        members = universe.groups[place.group] if place.group else board["ticker"].to_list()
        shown, recorded = (frame.filter(pl.col("ticker").is_in(list(members))) for frame in (board, confidence))
        pooled = compared(screens.losses_30d(engine, shown["ticker"].to_list()), "next_day")
        return html.Div(
            [
                head,
                notice,
                _luck(board),
                tiles.tiles(_tiles(shown, board, pooled)),
                _table(shown, board, pooled),
                _record(recorded),
            ]
        )

    return Page(KEY, TITLE, layout, no_callbacks)


def _head(universe: Universe, place: Place, board: pl.DataFrame, directions: pl.DataFrame | None) -> Component:
    line = None
    if directions is not None and not directions.is_empty():
        first, last = directions.select(pl.col("first_run_date").min(), pl.col("last_run_date").max()).row(0)
        notes = [f"30 calendar days: forecasts of {first} to {last}"]
        line = states.as_of(_latest(board), n=_most(board, "evaluated_days"), notes=notes)
    return html.Div(
        [
            html.Div([html.H1(TITLE), line]),
            controls.bar(controls.group_select(sorted(universe.groups), place.group)),
        ],
        className="page-head",
    )


def _luck(board: pl.DataFrame) -> Component:
    """The sentence about coins: why the raw rate ranks luck."""
    n = _most(board, "evaluated_directions")
    best = leaderboard.best_of_coins(board.height, n)
    if best is None:
        return tiles.not_enough(n)
    return html.P(
        [
            f"Of {board.height} fair coins tossed {n} times each, the best shows heads in {percent(100 * best, 0)} "
            "by luck alone. ",
            "So the order here is that of the shrunk rate, which draws each ticker to the base rate as far as its "
            "evidence is thin; 30 days cannot show skill, and where no ticker stands out, none has.",
        ],
        className="luck",
    )


def _tiles(shown: pl.DataFrame, board: pl.DataFrame, pooled: Comparison) -> list[Component]:
    hits, n = int(shown["correct_directions"].sum()), int(shown["evaluated_directions"].sum())
    days = int(shown["evaluated_days"].sum())
    own, naive = (leaderboard.pooled(shown, name) for name in leaderboard.ERRORS)
    replayed = int(shown["replayed_days"].sum())
    return [
        tiles.tile(
            "Right directions, pooled",
            percent(100 * hits / n, 1) if n else "–",
            f"{hits:,} of {n:,}; tickers move together, so these count as far fewer",
        ),
        tiles.tile("Base rate", percent(board["base_rate_pct"][0], 1), "always saying the commoner direction"),
        tiles.tile(
            "Error, pooled",
            tiles.skill_badge(pooled),
            f"{percent(own)} beside tomorrow-is-today's {percent(naive)}",
        ),
        tiles.tile(
            "Replayed",
            percent(100 * replayed / days, 0) if days else "–",
            f"{replayed:,} of {plural(days, 'forecast')}",
        ),
    ]


def _table(shown: pl.DataFrame, board: pl.DataFrame, pooled: Comparison) -> Component:
    low, high = (pl.col(name).round(0).cast(pl.Int64).cast(pl.String) for name in ("low_pct", "high_pct"))
    rows = shown.with_columns(
        hits_of_n=pl.format("{} / {}", "correct_directions", "evaluated_directions"),
        interval=pl.format("{} – {} %", low, high),
        record=pl.format("{} / {}", "record_hits", "record_n"),
    )
    n = _most(board, "evaluated_days")
    single = "" if n >= tiles.ENOUGH else f" For a single ticker {n} sessions are not enough evidence yet."
    return grids.grid(
        "leaderboard",
        _COLUMNS,
        rows.select(grids.fields(_COLUMNS)).rows(named=True),
        title="The last 30 days, by shrunk direction accuracy",
        note=f"As of {_latest(board)}, n up to {n} sessions a ticker; in-sample and late forecasts are "
        f"left out. Error, pooled: {tiles.verdict(pooled)}.{single} {SURVIVORSHIP}",
        row_id="ticker",
        height=640,
        file_name=f"accuracy_{_latest(board)}",
    )


def _record(confidence: pl.DataFrame) -> Component:
    title = "The whole record: right directions and their 95 % intervals"
    drawn = confidence.filter(pl.col("directions") >= tiles.ENOUGH)
    if drawn.is_empty():
        most = _most(confidence, "directions")
        return graphs.without_graph(title, tiles.not_enough(most, of="evaluated direction"))
    above = drawn.filter(pl.col("wilson_low") > pl.col("base_rate")).height
    n = _most(drawn, "directions")
    note = (
        f"As of {drawn['run_date'][0]}, up to {n} sessions a ticker. The interval of {above} of {drawn.height} lies "
        f"above the base rate; by luck alone {number(0.025 * drawn.height, 0)} or so would. "
        f"Error of the median ticker: {tiles.verdict(alike(drawn, 'next_day'))}."
    )
    return graphs.graph(
        "record",
        leaderboard.record_figure(drawn),
        title=title,
        note=note,
        description="Share of right next-day directions of each ticker with 95 % intervals and the base rate",
        height=360,
        file_name="direction_record",
    )


def _most(frame: pl.DataFrame, count: str) -> int:
    """The largest of a column of counts; 0 where there is none."""
    return int(frame.select(pl.col(count).max()).item() or 0)


def _latest(board: pl.DataFrame) -> date:
    latest: date = board.select(pl.col("latest_run_date").max()).item()
    return latest
