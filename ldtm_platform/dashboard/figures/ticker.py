"""The figures of the Ticker View: price with forecasts at their targets, and errors beside persistence's."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from ldtm_platform.dashboard.parts.theme import BLUE, GREEN, GREY, PURPLE, VERMILLION, figure
from ldtm_platform.horizons import HORIZONS

NAMES = {"next_day": "next day", "next_monday": "next Monday", "one_month": "one month"}
TITLES = {"next_day": "Next day", "next_monday": "Next Monday", "one_month": "One month"}
COLOURS = {"next_day": VERMILLION, "next_monday": GREEN, "one_month": PURPLE}
_SYMBOLS = {"next_day": "diamond", "next_monday": "square", "one_month": "circle"}
# A month of sessions: single errors are too noisy to compare by eye.
SMOOTHED_OVER = 21
_FIRST_VIEW = timedelta(days=183)


def price_figure(shown: pl.DataFrame, history: pl.DataFrame, chosen: dict[str, Any]) -> dict[str, Any]:
    """The closes, every forecast at its target session, and the path that the chosen snapshot forecasts.

    shown: date, close. history: snapshots in the basis of shown, honest ones and in-sample ones. chosen: the snapshot
    of the session that is looked at, as a row.
    """
    honest = history.filter(~pl.col("in_sample"))
    traces = [
        _scatter(
            x=_days(shown["date"]),
            y=_prices(shown["close"]),
            name="actual close",
            mode="lines",
            line={"color": BLUE, "width": 2},
            hovertemplate="%{y:,.2f}",
        ),
        *(_forecasts(honest, horizon) for horizon in HORIZONS),
        _path(chosen),
    ]
    run_date: date = chosen["run_date"]
    start: date = max(run_date - _FIRST_VIEW, shown["date"][0] if shown.height else run_date)
    end = (chosen["one_month_target_date"] or run_date) + timedelta(days=4)
    return figure(
        *traces,
        xaxis={"range": [start.isoformat(), end.isoformat()], "title": {"text": ""}},
        yaxis={"range": _price_range(shown, honest, start), "title": {"text": "price, $"}},
        shapes=[_line_at(run_date)],
    )


def _price_range(shown: pl.DataFrame, honest: pl.DataFrame, start: date) -> list[float] | None:
    """From the lowest to the highest price of the first view, with a margin; None (Plotly's own) without a price."""
    drawn = [shown.filter(pl.col("date") >= start)["close"]]
    for horizon in HORIZONS:
        drawn += [honest.filter(pl.col(f"{horizon}_target_date") >= start)[f"{horizon}_close_pred"]]
    prices = pl.concat([column.drop_nulls() for column in drawn])
    low, high = prices.min(), prices.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return None
    margin = 0.04 * (high - low) or 0.01 * high
    return [low - margin, high + margin]


def error_figure(scored: pl.DataFrame, horizon: str) -> dict[str, Any]:
    """Absolute errors of one horizon at their targets: each forecast's, and 21-session means beside persistence's."""
    smoothed = scored.select(
        "target_date",
        own=pl.col("error_pct").rolling_mean(SMOOTHED_OVER),
        naive=pl.col("persistence_error_pct").rolling_mean(SMOOTHED_OVER),
    ).drop_nulls()
    colour, days = COLOURS[horizon], _days(smoothed["target_date"])
    return figure(
        _scatter(
            x=_days(scored["target_date"]),
            y=_rounded(scored["error_pct"]),
            name="single forecasts",
            mode="markers",
            marker={"color": colour, "size": 5, "symbol": _SYMBOLS[horizon]},
            customdata=_days(scored["run_date"]),
            hovertemplate="%{y:.2f} % (made %{customdata})",
        ),
        _scatter(
            x=days,
            y=_rounded(smoothed["own"]),
            name=f"this model, mean of {SMOOTHED_OVER}",
            mode="lines",
            line={"color": colour, "width": 2.5},
            hovertemplate="%{y:.2f} %",
        ),
        _scatter(
            x=days,
            y=_rounded(smoothed["naive"]),
            name=f"tomorrow-is-today, mean of {SMOOTHED_OVER}",
            mode="lines",
            line={"color": GREY, "width": 2.5, "dash": "dash"},
            hovertemplate="%{y:.2f} %",
        ),
        yaxis={"title": {"text": "absolute error, %"}, "rangemode": "tozero"},
        xaxis={"title": {"text": ""}},
    )


def _scatter(**trace: object) -> dict[str, Any]:
    return {"type": "scatter", **trace}


def _forecasts(honest: pl.DataFrame, horizon: str) -> dict[str, Any]:
    target, predicted = f"{horizon}_target_date", f"{horizon}_close_pred"
    drawn = honest.drop_nulls([target, predicted]).sort(target, "run_date")
    return _scatter(
        x=_days(drawn[target]),
        y=_prices(drawn[predicted]),
        customdata=_days(drawn["run_date"]),
        name=f"{NAMES[horizon]} forecasts",
        mode="markers",
        marker={"color": COLOURS[horizon], "size": 5, "symbol": _SYMBOLS[horizon]},
        visible="legendonly" if horizon == "next_monday" else True,
        hovertemplate="%{y:,.2f} (made %{customdata})",
    )


def _path(chosen: dict[str, Any]) -> dict[str, Any]:
    """From the run date's close to the forecast of each target, in the order of the targets."""
    points = [(chosen["run_date"], chosen["run_date_close"], GREY, "circle")]
    for horizon in HORIZONS:
        target, predicted = chosen[f"{horizon}_target_date"], chosen[f"{horizon}_close_pred"]
        if target is not None and predicted is not None:
            points.append((target, predicted, COLOURS[horizon], _SYMBOLS[horizon]))
    points = sorted(points, key=lambda point: point[0])
    return _scatter(
        x=[day.isoformat() for day, *_ in points],
        y=[None if price is None else round(price, 4) for _, price, *_ in points],
        customdata=[chosen["run_date"].isoformat()] * len(points),
        name=f"forecast of {chosen['run_date']}",
        mode="lines+markers",
        line={"color": GREY, "width": 2, "dash": "dot"},
        marker={"color": [c for *_, c, _ in points], "symbol": [s for *_, s in points], "size": 11},
        hovertemplate="%{y:,.2f}",
    )


def _line_at(day: date) -> dict[str, Any]:
    line = {"color": GREY, "width": 1, "dash": "dot"}
    return {
        "type": "line",
        "x0": day.isoformat(),
        "x1": day.isoformat(),
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": line,
    }


def _days(column: pl.Series) -> Sequence[str]:
    return column.dt.to_string("iso").to_list()


def _prices(column: pl.Series) -> Sequence[float]:
    return column.round(4).to_list()


def _rounded(column: pl.Series) -> Sequence[float]:
    return column.round(3).to_list()
