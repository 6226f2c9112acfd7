"""Fixtures: a populated database and the real dashboard over it, one a test process; a browser a module; a page a test.

`page` fails its test when the console complains or a request leaves the machine. The browser lives no longer than a
module: while it is open, an event loop runs in this thread, and tests elsewhere want their own.
"""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser

from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.universe import load_universe
from ldtm_platform_tests.dashboard.running import Watched, chromium, context_of, dashboard, watched
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.scratch import scratch_database

LAST = date(2026, 4, 22)
SESSIONS = 130


@pytest.fixture(scope="session")
def populated(server: Connection, template: str) -> Iterator[str]:
    """The URL of the owner of a database with half a year of all tickers, scored; read it only."""
    with scratch_database(server, template) as url:
        engine = sa.create_engine(url)
        fill(engine, tickers=load_universe().tickers, sessions=sessions_through(LAST, SESSIONS))
        list(score_sessions(engine, sessions_through(LAST, 3)))
        engine.dispose()
        yield url


@pytest.fixture(scope="session")
def populated_dashboard(populated: str) -> Iterator[str]:
    """The address of the dashboard over the populated database, read by the reader's role."""
    with dashboard(reader_url(Settings(), populated)) as base:
        yield base


@pytest.fixture(scope="session")
def empty_dashboard(server: Connection, template: str) -> Iterator[str]:
    """The address of a dashboard over a migrated database without a row."""
    with scratch_database(server, template) as url, dashboard(reader_url(Settings(), url)) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, populated_dashboard: str) -> Iterator[Watched]:
    """A page of the populated dashboard, light and desktop-sized; every complaint fails the test."""
    context = context_of(browser)
    found = watched(context, populated_dashboard)
    yield found
    context.close()
    assert found.complaints == []
