"""What the dashboard says when there is nothing, nothing such, or no database: and that it comes back."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from ldtm_platform.dashboard.page import Place
from ldtm_platform.dashboard.pages import ticker_view
from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stack.dashboard import refuse_taken
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.stack.supervisor import StackError
from ldtm_platform_tests.dashboard.running import Watched, context_of, dashboard, watched
from ldtm_platform_tests.scratch import DRIVER, scratch_database


@pytest.fixture
def empty(browser: Browser, empty_dashboard: str) -> Iterator[Watched]:
    context = context_of(browser)
    page = watched(context, empty_dashboard)
    yield page
    context.close()
    assert page.complaints == []


def test_an_empty_platform_names_the_commands_that_fill_it(empty: Watched) -> None:
    for key, commands in {
        "ticker_view": ("ldtm ingest --ticker AAPL", "ldtm train --ticker AAPL", "ldtm pipeline", "make demo"),
        "todays_predictions": ("ldtm ingest", "ldtm train --all", "ldtm pipeline", "make demo"),
        "accuracy_leaderboard": ("ldtm ingest", "ldtm train --all", "ldtm pipeline", "make demo"),
    }.items():
        here = empty.open(f"?tab={key}")
        assert here.locator(".commands code").all_inner_texts() == list(commands)


@pytest.mark.parametrize(
    ("query", "words", "command"),
    [
        ("?tab=ticker_view&ticker=NOSUCH", "No ticker NOSUCH", "ldtm universe"),
        ("?tab=ticker_view&ticker=AAPL&session=2001-01-02", "Nothing was forecast by then", "ldtm pipeline"),
        ("?tab=todays_predictions&group=nosuch", "No such group", "ldtm universe"),
        ("?tab=accuracy_leaderboard&group=nosuch", "No such group", "ldtm universe"),
    ],
)
def test_what_is_not_there_is_said_with_a_command(page: Watched, query: str, words: str, command: str) -> None:
    here = page.open(query)
    expect(here.locator(".state")).to_contain_text(words)
    expect(here.locator(".state code").first).to_have_text(command)


def test_a_ticker_whose_training_was_skipped_is_told_why(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO ldtm_run_log (ticker, run_at, mode, status, error_msg) "
                "VALUES ('AAPL', now(), 'train', 'skipped', 'AAPL has 76 feature rows, 252 are needed')"
            )
        )
    told = str(ticker_view.page(Settings()).layout(Place(ticker_view.KEY, ticker="AAPL"), engine))
    assert "No forecast of AAPL yet" in told
    assert "The last training said: AAPL has 76 feature rows, 252 are needed." in told


def test_with_the_database_gone_the_page_stays_says_so_and_comes_back(
    browser: Browser, server: Connection, template: str
) -> None:
    with scratch_database(server, template) as url, dashboard(reader_url(Settings(), url)) as base:
        context = context_of(browser)
        page = watched(context, base)
        here = page.open("?tab=todays_predictions")
        expect(here.locator(".state")).to_contain_text("No predictions yet")
        _let_in(server, url, False)
        here.get_by_role("tab", name="Accuracy Leaderboard").click()
        alert = here.get_by_role("alert")
        expect(alert).to_contain_text("The database does not answer")
        assert "ldtm up" in alert.inner_text()
        expect(here.get_by_role("tab", name="Accuracy Leaderboard")).to_be_visible()
        _let_in(server, url, True)
        expect(here.locator(".state")).to_contain_text("Nothing is scored yet")
        context.close()
        assert page.complaints == []


def test_a_database_without_tables_is_told_from_one_that_is_gone(browser: Browser, server: Connection) -> None:
    with dashboard(server.url("postgres", driver=DRIVER)) as base:
        context = context_of(browser)
        page = watched(context, base)
        page.page.goto(base)
        alert = page.page.get_by_role("alert")
        expect(alert).to_contain_text("The database is not set up")
        assert "ldtm init-db" in alert.inner_text()
        context.close()
        assert page.complaints == []


def _let_in(server: Connection, url: str, allowed: bool) -> None:
    """Let connections in to a database, or refuse them and end those that there are."""
    name = sa.make_url(url).database
    engine = sa.create_engine(
        server.url("postgres", driver=DRIVER), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {str(allowed).lower()}'))
        if not allowed:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(sa.text(ended), {"name": name})


def test_a_port_that_our_own_dashboard_holds_is_told_with_how_to_stop_it(empty_dashboard: str) -> None:
    port = int(empty_dashboard.rpartition(":")[2])
    with pytest.raises(StackError, match=rf"port {port} is in use: a dashboard of this platform .* `ldtm down`"):
        refuse_taken(Settings(dashboard_port=port))
