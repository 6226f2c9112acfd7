"""The figures, without a browser: what stands where, in which price basis, and that Plotly takes it."""

import re
from datetime import date, timedelta
from math import isnan, log
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldtm_platform.dashboard.figures import history as drawable
from ldtm_platform.dashboard.figures import leaderboard, today
from ldtm_platform.dashboard.figures.ticker import error_figure, price_figure
from ldtm_platform.evaluation.comparison import Comparison, compared
from ldtm_platform.horizons import HORIZONS, targets
from ldtm_platform.sessions import session_offset

ASSETS = Path(leaderboard.__file__).parents[1] / "assets"
FIRST = date(2026, 1, 5)
SPLIT_DAY = 30


def _days(count: int) -> list[date]:
    return [session_offset(FIRST, at) for at in range(count)]


def _closes(values: list[float], ticker: str = "AAPL") -> pl.DataFrame:
    return pl.DataFrame({"ticker": ticker, "date": _days(len(values)), "close": values})


def _splits(*rows: tuple[str, date, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64}, orient="row")


def _history(closes: list[float], forecast: float, *, in_sample: int = 0) -> pl.DataFrame:
    """A snapshot on each day, every forecast `forecast` times its close; prices in the basis of each day."""
    days = _days(len(closes))
    rows: list[dict[str, Any]] = []
    for at, day in enumerate(days):
        row: dict[str, Any] = {"run_date": day, "run_date_close": closes[at], "in_sample": at < in_sample}
        for horizon, target in targets(day).items():
            known = target in days
            row |= {
                f"{horizon}_close_pred": closes[at] * forecast,
                f"{horizon}_target_date": target,
                f"{horizon}_actual": closes[days.index(target)] if known else None,
            }
        rows.append({**row, "is_replay": False, "model_version": "v1", "next_day_direction_correct": None})
    return pl.DataFrame(rows, infer_schema_length=None)


@settings(max_examples=30)
@given(st.floats(0.1, 20), st.integers(1, 59))
def test_a_split_moves_no_forecast_away_from_its_price(ratio: float, at: int) -> None:
    """Drawn after a split, the history looks as if there had been none."""
    plain = [100.0 + day for day in range(60)]
    traded = [price / (ratio if day >= at else 1) for day, price in enumerate(plain)]
    shown = drawable.adjusted_closes(_closes(traded), _splits(("AAPL", _days(60)[at], ratio)))
    restated = drawable.in_shown_basis(_history(traded, 1.01), shown)
    unsplit = drawable.adjusted_closes(_closes(plain), _splits())
    expected = drawable.in_shown_basis(_history(plain, 1.01), unsplit)
    for name in ("run_date_close", "one_month_close_pred"):
        apart = (restated[name] * ratio / expected[name] - 1).abs().max()
        assert isinstance(apart, float)
        assert apart < 1e-9


def test_a_forecast_frozen_in_another_basis_than_its_bar_is_carried_along() -> None:
    """The vendor has since restated its bars for a split that no action tells of."""
    history = _history([400.0] * 5, 1.1)
    shown = drawable.adjusted_closes(_closes([100.0] * 5), _splits())
    restated = drawable.in_shown_basis(history, shown)
    assert restated["next_day_close_pred"].to_list() == pytest.approx([110.0] * 5)


def test_a_small_correction_of_a_close_changes_no_forecast() -> None:
    shown = drawable.adjusted_closes(_closes([101.0] * 5), _splits())
    restated = drawable.in_shown_basis(_history([100.0] * 5, 1.1), shown)
    assert restated["next_day_close_pred"].to_list() == pytest.approx([110.0] * 5)


def test_in_sample_and_open_forecasts_have_no_error() -> None:
    history = _history([100.0, 110.0] * 20, 1.2, in_sample=3)
    scored = drawable.errors(history, "next_day")
    assert scored["run_date"].to_list() == _days(40)[3:39]
    own, naive = drawable.mean_errors(scored)
    found = compared(scored, "next_day")
    # 132 for 100 and 120 for 110 in turn, where persistence says 110 and 100; skill is of logarithms.
    ratio = (log(132 / 100) + log(120 / 110)) / (2 * log(1.1))
    assert [found.n, own, naive, found.skill] == pytest.approx([36, 20.5455, 9.5455, 1 - ratio], rel=1e-3)


def test_nothing_scored_is_no_skill_and_no_error() -> None:
    scored = drawable.errors(_history([100.0], 1.0), "one_month")
    assert compared(scored, "one_month") == Comparison(None, None, None, 0, 0, 21)
    assert all(isnan(mean) for mean in drawable.mean_errors(scored))


def test_every_forecast_stands_at_its_target_and_the_path_starts_at_the_run_date() -> None:
    history = _history([100.0 + day for day in range(40)], 1.01)
    shown = drawable.adjusted_closes(_closes([100.0 + day for day in range(40)]), _splits())
    figure = price_figure(shown, history, history.row(-1, named=True))
    traces = {trace["name"]: trace for trace in figure["data"]}
    month = traces["one month forecasts"]
    made, due = date.fromisoformat(month["customdata"][0]), date.fromisoformat(month["x"][0])
    assert (made, due) == (FIRST, session_offset(FIRST, 21))
    path = traces[f"forecast of {_days(40)[-1]}"]
    due_of = targets(_days(40)[-1])
    assert path["x"] == [day.isoformat() for day in sorted([_days(40)[-1], *due_of.values()])]
    assert path["y"][0] == 139.0
    go.Figure(figure)


def test_in_sample_forecasts_are_not_drawn() -> None:
    history = _history([100.0] * 40, 1.01, in_sample=39)
    shown = drawable.adjusted_closes(_closes([100.0] * 40), _splits())
    figure = price_figure(shown, history, history.row(-1, named=True))
    (drawn,) = [trace for trace in figure["data"] if trace["name"] == "next day forecasts"]
    assert drawn["customdata"] == [_days(40)[-1].isoformat()]


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_error_figure_has_persistence_on_the_same_targets(horizon: str) -> None:
    scored = drawable.errors(_history([100.0 + day % 7 for day in range(80)], 1.02), horizon)
    figure = error_figure(scored, horizon)
    singles, own, naive = figure["data"]
    assert len(singles["x"]) == scored.height
    assert own["x"] == naive["x"]
    assert len(own["x"]) == scored.height - 20
    go.Figure(figure)


def test_what_is_drawn_has_a_contrast_of_three_to_one_in_both_themes() -> None:
    """WCAG 1.4.11; the surfaces are those of look.css."""
    surfaces = re.findall(r"--surface: (#\w{6})", (ASSETS / "look.css").read_text())
    assert len(surfaces) == 2
    history = _history([100.0 + day % 7 for day in range(80)], 1.02)
    shown = drawable.adjusted_closes(_closes([100.0 + day % 7 for day in range(80)]), _splits())
    figures = [error_figure(drawable.errors(history, horizon), horizon) for horizon in HORIZONS]
    figures.append(price_figure(shown, history, history.row(-1, named=True)))
    for trace in (trace for figure in figures for trace in figure["data"]):
        for part in (trace[name] for name in ("marker", "line") if name in trace):
            assert part.get("opacity", 1) == 1, trace["name"]
            for colour in [part["color"]] if isinstance(part["color"], str) else part["color"]:
                assert min(_contrast(colour, surface) for surface in surfaces) >= 3, (trace["name"], colour)


def _contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it, of two colours #rrggbb."""
    darker, lighter = sorted(_luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_sparkline_ends_in_the_forecast_on_the_same_scale() -> None:
    closes = _closes([200.0, 220.0, 105.0])
    splits = _splits(("AAPL", _days(3)[2], 2.0))
    signals = pl.DataFrame({"ticker": ["AAPL", "NEW"], "one_month_close_pred": [120.0, 5.0]})
    sparks = today.sparklines(closes, splits, signals)
    assert sparks.rows() == [("AAPL", [0, 50, 25, 100])]


def test_a_flat_sparkline_runs_in_the_middle() -> None:
    signals = pl.DataFrame({"ticker": ["AAPL"], "one_month_close_pred": [7.0]})
    assert today.sparklines(_closes([7.0, 7.0]), _splits(), signals)["spark"].to_list() == [[50, 50, 50]]


@pytest.mark.parametrize(("tosses", "share"), [(21, 16 / 21), (30, 22 / 30), (1, 1.0)])
def test_the_best_of_103_coins_is_far_above_a_half(tosses: int, share: float) -> None:
    assert leaderboard.best_of_coins(103, tosses) == share


def test_without_coins_or_tosses_there_is_no_best() -> None:
    assert (leaderboard.best_of_coins(0, 21), leaderboard.best_of_coins(103, 0)) == (None, None)


def test_the_order_is_that_of_the_shrunk_rate_and_not_of_the_raw() -> None:
    """Three of three is luck; forty of sixty is a little more."""
    board = leaderboard.ranked(_accuracy(LUCK=(3, 3), MORE=(40, 60), NONE=(0, 0)), _directions(30, 63), _confidence())
    assert board["ticker"].to_list() == ["MORE", "LUCK", "NONE"]
    raw = dict(board.select("ticker", "direction_accuracy_pct").iter_rows())
    assert raw["LUCK"] > raw["MORE"]
    more = board.row(0, named=True)
    assert more["low_pct"] < 100 * 40 / 60 < more["high_pct"]
    assert more["base_rate_pct"] == pytest.approx(100 * 33 / 63)
    assert board.row(2, named=True)["shrunk_pct"] is None


def test_below_21_sessions_the_leaderboard_shows_no_skill() -> None:
    board = leaderboard.ranked(_accuracy(FEW=(12, 20), ENOUGH=(12, 21)), _directions(10, 20), _confidence())
    assert dict(board.select("ticker", "skill_pct").iter_rows()) == {"FEW": None, "ENOUGH": pytest.approx(25.0)}


def test_the_record_figure_is_one_that_plotly_takes() -> None:
    record = pl.DataFrame(
        {"ticker": ["A", "B"], "hits": [60, 50], "directions": [100, 100], "wilson_low": [0.5, 0.4],
         "wilson_high": [0.69, 0.6], "base_rate": [0.52, 0.52]}
    )  # fmt: skip
    figure = leaderboard.record_figure(record)
    assert figure["data"][0]["x"] == ["A", "B"]
    assert figure["data"][1]["y"] == [52.0, 52.0]
    go.Figure(figure)


def _accuracy(**tickers: tuple[int, int]) -> pl.DataFrame:
    rows = [
        {
            "ticker": ticker,
            "evaluated_days": n,
            "avg_abs_pct_error": 1.5,
            "persistence_avg_abs_pct_error": 2.0,
            "skill_vs_persistence": 0.25,
            "skill_low": -0.1,
            "skill_high": 0.5,
            "direction_accuracy_pct": 100 * hits / n if n else None,
            "latest_run_date": FIRST + timedelta(days=40),
            "evaluated_directions": n,
            "correct_directions": hits,
            "replayed_days": 0,
        }
        for ticker, (hits, n) in tickers.items()
    ]
    return pl.DataFrame(rows)


def _directions(ups: int, moves: int) -> pl.DataFrame:
    return pl.DataFrame({"ticker": ["MORE"], "ups": [ups], "moves": [moves]})


def _confidence() -> pl.DataFrame:
    floats = dict.fromkeys(("rel_mae", "rel_mae_log_se", "evidence", "score", "wilson_low", "wilson_high"), pl.Float64)
    return pl.DataFrame(
        schema={"ticker": pl.String, **dict.fromkeys(("hits", "directions", "evaluated"), pl.Int64), **floats}
    )
