"""Simulated prices beside real ones: named wherever they show, pooled nowhere, and no part of what others are worth."""

from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.dashboard.page import Page, Place
from ldtm_platform.dashboard.pages import accuracy_leaderboard, ticker_view, todays_predictions
from ldtm_platform.llm import tools
from ldtm_platform.llm.arguments import ModelCardsArgs
from ldtm_platform.llm.render import rows_of
from ldtm_platform.llm.toolbox import NAMES, Toolbox
from ldtm_platform.metrics import families
from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.provenance import provenance
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.scratch import scratch_database

LAST = date(2026, 4, 22)
REAL, FUNDS = ["AAPL", "AMD", "MSFT", "NVDA"], ["SQQQ", "TQQQ"]
MARK = sa.text(
    "UPDATE market_data_status SET source = CASE WHEN ticker = ANY(:made) THEN 'simulated' ELSE 'folder' END"
)


def filled(url: str) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    fill(engine, tickers=[*FUNDS, *REAL], sessions=sessions_through(LAST, 60))
    return engine


def mark(engine: sa.Engine, tickers: list[str]) -> None:
    with engine.begin() as connection:
        connection.execute(MARK, {"made": tickers})


@pytest.fixture(scope="module")
def mixed(server: Connection, template: str) -> Iterator[sa.Engine]:
    """A database of four real tickers and two simulated ones; each test marks it as it needs it."""
    with scratch_database(server, template) as url:
        yield filled(url)


def pooled_n(engine: sa.Engine) -> int:
    return int(reads.prediction_skill(engine)["n"].sum())


def test_the_pooled_skill_rests_on_real_prices_alone_unless_all_are_simulated(mixed: sa.Engine) -> None:
    mark(mixed, [])
    everything = reads.prediction_skill(mixed)
    mark(mixed, FUNDS)
    real = reads.prediction_skill(mixed)
    assert 0 < real["n"].sum() < everything["n"].sum()
    mark(mixed, [*REAL, *FUNDS])
    assert reads.prediction_skill(mixed).equals(everything)


def test_scores_of_real_tickers_are_those_without_the_simulated_ones(
    mixed: sa.Engine, server: Connection, template: str
) -> None:
    mark(mixed, FUNDS)
    list(score_sessions(mixed, [LAST]))
    with scratch_database(server, template) as url:
        alone = filled(url)
        with alone.begin() as connection:
            connection.execute(sa.text("DELETE FROM ldtm_daily_snapshots WHERE ticker = ANY(:made)"), {"made": FUNDS})
        list(score_sessions(alone, [LAST]))
        expected = reads.confidence(alone)
        alone.dispose()
    told = reads.confidence(mixed)
    assert told.filter(pl.col("ticker").is_in(REAL)).equals(expected)
    assert set(told["ticker"]) > set(expected["ticker"])


def shown(page: Page, engine: sa.Engine, **place: str) -> str:
    return str(page.layout(Place(page.key, **place), engine))  # type: ignore[arg-type]


def test_every_page_names_them_and_the_leaderboard_leaves_them_out(mixed: sa.Engine) -> None:
    mark(mixed, FUNDS)
    settings = Settings()
    told = "The prices of SQQQ and TQQQ are simulated"
    predictions = shown(todays_predictions.page(settings), mixed)
    assert told in predictions
    assert "'prices': 'simulated'" in predictions
    board = shown(accuracy_leaderboard.page(settings), mixed)
    assert told in board
    assert "'ticker': 'TQQQ'" not in board
    assert "The prices of TQQQ are simulated" in shown(ticker_view.page(settings), mixed, ticker="TQQQ")
    assert "simulated" not in shown(ticker_view.page(settings), mixed, ticker="AAPL")


def test_without_simulated_prices_no_page_speaks_of_them(mixed: sa.Engine) -> None:
    mark(mixed, [])
    for page in (todays_predictions, accuracy_leaderboard, ticker_view):
        assert "simulated" not in shown(page.page(Settings()), mixed)
    mark(mixed, [*REAL, *FUNDS])
    assert provenance(mixed).apart == ()
    board = shown(accuracy_leaderboard.page(Settings()), mixed)
    assert "All prices here are simulated" in board
    assert "'ticker': 'TQQQ'" in board


def test_programs_and_language_models_are_told_by_row_whatever_they_read(mixed: sa.Engine) -> None:
    mark(mixed, FUNDS)
    list(score_sessions(mixed, [LAST]))
    box = Toolbox(mixed, load_universe())
    for name in set(NAMES) - {"tqqq_signal"}:
        rows = rows_of(box.call(name, {"limit": 200}))
        told = {getattr(row, "ticker"): getattr(row, "is_simulated") for row in rows}  # noqa: B009 - one of several types
        assert set(told.values()) == {True, False}, name
        assert {ticker for ticker, is_made_up in told.items() if is_made_up} == set(FUNDS) & set(told), name


def test_metrics_count_the_work_on_all_and_the_worth_of_real_ones(mixed: sa.Engine) -> None:
    """The counts before and after two of six tickers are marked as simulated."""

    def counted() -> tuple[float, float, float]:
        champions, without = families.models(mixed)
        (runs,) = families.runs(mixed)
        done = sum(sample.value for sample in runs.samples)
        return champions.samples[0].value, done, without.samples[0].value

    mark(mixed, [])
    champions, done, without = counted()
    mark(mixed, FUNDS)
    assert counted()[:2] == (champions, done)
    cards = tools.model_cards(mixed, ModelCardsArgs()).rows
    bad = [row.is_simulated for row in cards if row.test_skill_total is not None and row.test_skill_total <= 0]
    assert (without, counted()[2]) == (len(bad), bad.count(False))
