"""The Ticker View draws the errors of a month ahead once 21 of them do not overlap, and says so until then."""

from datetime import date

import pytest
import sqlalchemy as sa

from ldtm_platform.dashboard.page import Place
from ldtm_platform.dashboard.pages import ticker_view, todays_predictions
from ldtm_platform.settings import Settings
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.generated_history import fill, sessions_through


def test_the_tile_of_confidences_says_what_the_months_scores_rest_on(engine: sa.Engine) -> None:
    sessions = sessions_through(date(2026, 4, 22), 480)
    fill(engine, tickers=["AAPL", "AMD", "NVDA"], sessions=sessions)
    place, page = Place("todays_predictions"), todays_predictions.page(Settings())
    list(score_sessions(engine, sessions[300:301]))
    assert "none has enough evidence yet" in str(
        page.layout(place.at("todays_predictions", session=sessions[300]), engine)
    )
    list(score_sessions(engine, sessions[-2:]))
    scored = reads.confidence(engine).filter(horizon="one_month")
    hits, n = sorted(scored["hits"])[1], scored["directions"][0]
    drawn = str(page.layout(place, engine))
    assert "of 3 with enough evidence; 95 of 100 without skill stay below 21." in drawn
    assert f"Median ticker: direction right in {hits} of {n} (" in drawn


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
