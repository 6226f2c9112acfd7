"""What the dashboard's pages read: the right rows, no more of them, and the same through the readers' views."""

from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.warehouse import reads, screens
from ldtm_platform.warehouse.reader import reader_engine
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.warehouse.rows import query

TICKERS = ("AAPL", "AMD", "MSFT", "NVDA", "TQQQ")
LAST = date(2026, 4, 22)
BEFORE = date(2026, 4, 21)


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    """Forty sessions of five tickers, the last scored; TQQQ has no forecast of the last session."""
    fill(engine, tickers=TICKERS, sessions=sessions_through(LAST, 40))
    list(score_sessions(engine, [LAST]))
    return engine


def test_a_tickers_history_is_its_newest_snapshots_oldest_first(filled: sa.Engine) -> None:
    history = screens.ticker_history(filled, "AAPL", session=None, last=10)
    assert history["run_date"].to_list() == sessions_through(LAST, 10)
    assert screens.ticker_history(filled, "AAPL", session=BEFORE, last=1)["run_date"].to_list() == [BEFORE]
    assert screens.ticker_history(filled, "TQQQ", session=None, last=1)["run_date"].to_list() == [BEFORE]
    assert screens.ticker_history(filled, "NONE", session=None, last=5).is_empty()


def test_the_sessions_around_one_are_the_tickers_own(filled: sa.Engine) -> None:
    first = sessions_through(LAST, 40)[0]
    assert screens.sessions_around(filled, LAST) == {"before": BEFORE, "after": None, "first": first, "last": LAST}
    assert screens.sessions_around(filled, BEFORE, "AAPL")["after"] == LAST
    assert screens.sessions_around(filled, BEFORE, "TQQQ")["after"] is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, LAST),
        (date(2026, 4, 19), date(2026, 4, 17)),
        (date(2099, 1, 1), LAST),
        (date(2001, 1, 1), sessions_through(LAST, 40)[0]),
    ],
)
def test_the_nearest_forecast_session_is_found(filled: sa.Engine, asked: date | None, found: date) -> None:
    assert screens.session_at(filled, asked) == found


def test_without_forecasts_there_is_no_session_no_ticker_and_no_card(engine: sa.Engine) -> None:
    assert screens.session_at(engine, None) is None
    assert screens.forecast_tickers(engine) == []
    assert screens.model_card(engine, "AAPL").is_empty()
    assert screens.directions_30d(engine).is_empty()
    assert screens.closes(engine, TICKERS, start=BEFORE).is_empty()


def test_only_the_latest_sessions_tickers_are_offered(filled: sa.Engine) -> None:
    assert screens.forecast_tickers(filled) == ["AAPL", "AMD", "MSFT", "NVDA"]


def test_closes_are_those_of_both_days_and_between(filled: sa.Engine) -> None:
    found = screens.closes(filled, ["AMD", "AAPL"], start=date(2026, 4, 17), end=BEFORE)
    days = [date(2026, 4, 17), date(2026, 4, 20), BEFORE]
    assert found.select("ticker", "date").rows() == [(ticker, day) for ticker in ("AAPL", "AMD") for day in days]


def test_a_card_is_the_views_card_of_that_ticker(filled: sa.Engine) -> None:
    card = screens.model_card(filled, "NVDA")
    assert card.equals(reads.model_cards(filled).filter(pl.col("ticker") == "NVDA").select(card.columns))


def test_confidence_is_that_of_the_ticker_and_session(filled: sa.Engine) -> None:
    found = screens.ticker_confidence(filled, "NVDA", LAST)
    expected = reads.confidence(filled, LAST).filter(pl.col("ticker") == "NVDA")
    assert found.sort("horizon").equals(expected.select(found.columns).sort("horizon"))
    assert screens.ticker_confidence(filled, "NVDA", BEFORE).is_empty()


def test_directions_are_of_the_same_forecasts_as_the_accuracy_view(filled: sa.Engine) -> None:
    found = screens.directions_30d(filled).sort("ticker")
    view = reads.accuracy_30d(filled).sort("ticker")
    assert found["moves"].to_list() == view["evaluated_directions"].to_list()
    ups = query(
        filled,
        "SELECT count(*) AS n FROM ldtm_daily_snapshots WHERE ticker = 'AAPL' AND next_day_direction_actual = 'UP'"
        " AND NOT in_sample AND run_date > DATE '2026-04-22' - 30",
    )
    assert found.filter(pl.col("ticker") == "AAPL")["ups"].to_list() == [ups[0]["n"]]


def test_a_reader_that_may_only_select_reads_the_same(filled: sa.Engine) -> None:
    reader = reader_engine(reader_url(Settings(), filled.url.render_as_string(hide_password=False)))
    try:
        assert all(one.equals(other) for one, other in zip(_everything(reader), _everything(filled), strict=True))
    finally:
        reader.dispose()


def _everything(engine: sa.Engine) -> list[pl.DataFrame]:
    return [
        screens.ticker_history(engine, "AAPL", session=None, last=5),
        screens.model_card(engine, "AAPL"),
        screens.closes(engine, TICKERS, start=BEFORE),
        screens.ticker_confidence(engine, "AAPL", LAST),
        screens.directions_30d(engine).sort("ticker"),
    ]
