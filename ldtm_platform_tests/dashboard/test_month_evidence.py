"""The Ticker View draws the errors of a month ahead once 21 of them do not overlap, and says so until then."""

from datetime import date

import pytest
import sqlalchemy as sa

from ldtm_platform.dashboard.page import Place
from ldtm_platform.dashboard.pages import ticker_view
from ldtm_platform.settings import Settings
from ldtm_platform_tests.generated_history import fill, sessions_through


@pytest.mark.parametrize(
    ("sessions", "said"),
    [(460, "20 independent one-month forecasts so far; a figure is shown from 21 on."), (480, "count as 21.")],
)
def test_a_months_errors_are_drawn_from_21_independent_ones_on(engine: sa.Engine, sessions: int, said: str) -> None:
    fill(engine, tickers=["AAPL"], sessions=sessions_through(date(2026, 4, 22), sessions))
    drawn = str(ticker_view.page(Settings()).layout(Place("ticker_view", ticker="AAPL"), engine))
    assert said in drawn
    # The year that is looked at stays a year, however far back the month's errors reach.
    assert "the last 273 forecast sessions" in drawn
