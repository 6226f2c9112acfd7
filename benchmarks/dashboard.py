"""How fast the dashboard is on ten years of forecasts: paints of every tab, every callback, the server's memory.

    python -m benchmarks.dashboard                      103 tickers, 2,520 sessions: 260,000 snapshots
    python -m benchmarks.dashboard --sessions 60        a small run of every part
    python -m benchmarks.dashboard --json numbers.json  the numbers too

Makes the history in an embedded PostgreSQL of its own, starts the real server on it, and opens every page in a real
Chromium: each first paint in a browser without cache, then each page again for other tickers, sessions and groups. A
first paint is the page with all its words and numbers; in full it also has every figure and table. Prints a table with
what was promised beside it; exit code 1 where a promise is broken.
"""

import argparse
import itertools
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, Request

from benchmarks.report import machine
from ldtm_platform.postgres.server import EmbeddedPostgres
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.stages.signal import signal_sessions
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse.migrate import upgrade
from ldtm_platform.warehouse.reader import reader_engine
from ldtm_platform_tests.dashboard.running import chromium, dashboard
from ldtm_platform_tests.generated_history import fill, sessions_through

TABS = ("ticker_view", "todays_predictions", "accuracy_leaderboard", "tqqq_signal", "llm_query", "operations")
PAINT_SECONDS, CALLBACK_SECONDS, MEMORY_MIB = 1.5, 0.150, 300
CALLBACKS = "/_dash-update-component"
DRAWN = "#page h1, #page .state, .state.error"
# Frames of figures and tables: they stand from the first paint on, and are filled later.
FIGURES, TABLES, ROWS = "#page div[role=img]", "#page [role=region]", ".ag-row, .ag-overlay-no-rows-center"


@dataclass(frozen=True)
class Measured:
    """One line of the table: what, its median and 95th percentile, of how many, and what was promised of which."""

    what: str
    median: float
    p95: float
    n: int
    promised: float | None
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the promise is kept, at the 95th percentile."""
        return self.promised is None or self.p95 <= self.promised


def main() -> None:
    """Run every part, print the table, and exit with 1 where a promise is broken."""
    options = _options()
    with _history(options.url, options.sessions) as (url, rows), _server(url) as (base, process):
        with chromium() as browser:
            _open(browser, base, "operations").context.close()  # the server's first page brings up what it needs
            load = os.getloadavg()[0]
            lines = [*_first_paints(browser, base, options.repeats), *_callbacks(browser, base, options.repeats)]
        used = process.memory_full_info()
        for what, size in (("resident", used.rss), ("of its own, without shared libraries", used.uss)):
            lines.append(Measured(f"memory {what}", size / 2**20, size / 2**20, 1, MEMORY_MIB, "MiB"))
    place = {**_place(rows), "load_average": f"{load:.1f} before, {os.getloadavg()[0]:.1f} after, of one minute"}
    _show(place, lines)
    if options.json:
        options.json.write_text(json.dumps({**place, "lines": [asdict(line) for line in lines]}, indent=1))
    sys.exit(0 if all(line.holds for line in lines) else 1)


@contextmanager
def _history(url: str | None, sessions: int) -> Iterator[tuple[str, int]]:
    """The reader's URL of a database with the history, and how many snapshots it holds."""
    if url:
        yield url, _snapshots(url)
        return
    with tempfile.TemporaryDirectory(prefix="ldtm-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        with server.session() as connection:
            server.ensure_database("ldtm")
            owner = connection.url("ldtm", driver="postgresql+psycopg")
            _fill(owner, sessions)
            reader = reader_url(Settings(), owner)
            yield reader, _snapshots(reader)


# Scoring ten years takes half an hour: earlier sessions are given the scores of one, as there are as many rows.
_EARLIER_SCORES = """
INSERT INTO ldtm_confidence
SELECT (jsonb_populate_record(c, jsonb_build_object('run_date', s.run_date))).*
FROM ldtm_confidence c, (SELECT DISTINCT run_date FROM ldtm_daily_snapshots WHERE run_date < :first) s
WHERE c.run_date = :first"""


def _fill(owner: str, sessions: int) -> None:
    engine = sa.create_engine(owner)
    upgrade(engine)
    days = sessions_through(Settings().latest_session(), sessions)
    started = time.monotonic()
    fill(engine, tickers=load_universe().tickers, sessions=days)
    list(score_sessions(engine, days[-3:]))
    with engine.begin() as connection:
        connection.execute(sa.text(_EARLIER_SCORES), {"first": days[-3]})
    list(signal_sessions(engine, days, cost_bp=Settings().signal_cost_bp))
    print(f"history made in {time.monotonic() - started:.0f} s", flush=True)
    engine.dispose()


def _snapshots(url: str) -> int:
    engine = reader_engine(url)
    with engine.connect() as connection:
        count: int = connection.execute(sa.text("SELECT count(*) FROM ldtm_daily_snapshots")).scalar_one()
    engine.dispose()
    return count


@contextmanager
def _server(url: str) -> Iterator[tuple[str, psutil.Process]]:
    """The server's address and its process."""
    before = {child.pid for child in psutil.Process().children()}
    with dashboard(url) as base:
        yield base, next(child for child in psutil.Process().children() if child.pid not in before)


def _first_paints(browser: Browser, base: str, repeats: int) -> Iterator[Measured]:
    """From asking for the address to the page's words, and to all of it, in a browser that has never seen it."""
    for tab in TABS:
        taken: dict[str, list[float]] = {"drawn": [], "full": []}
        for _ in range(repeats):
            page = _open(browser, base, tab)
            for name, seconds in taken.items():
                seconds.append(float(page.get_attribute("html", f"data-{name}") or "nan") / 1000)
            page.context.close()
        yield _measured(f"first paint of {tab}", taken["drawn"], PAINT_SECONDS)
        yield _measured(f"{tab} in full", taken["full"], None)


def _open(browser: Browser, base: str, tab: str) -> Page:
    """A tab in a context of its own; the moments at which its page stood are marked by the browser itself."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(
        f"""const marks = () => document.documentElement.dataset;
        const mark = (name) => requestAnimationFrame(() => setTimeout(() => {{ marks()[name] = performance.now(); }}));
        const filled = (frames, by) => [...document.querySelectorAll(frames)].every(it => it.querySelector(by));
        let drawn = false;
        const seen = new MutationObserver(() => {{
            if (!drawn && document.querySelector({DRAWN!r})) {{ drawn = true; mark("drawn"); }}
            if (!drawn || !filled({FIGURES!r}, ".main-svg") || !filled({TABLES!r}, {ROWS!r})) return;
            seen.disconnect(); mark("full");
        }}); seen.observe(document, {{childList: true, subtree: true}});"""
    )
    page.goto(f"{base}/?tab={tab}")
    # No waiting for a function: the page's own policy forbids what that needs.
    page.wait_for_selector("html[data-drawn][data-full]", state="attached", timeout=180_000)
    if page.locator(".state.error").count():
        raise SystemExit(f"{tab} could not be drawn: {page.locator('.state.error').first.inner_text()}")
    return page


def _callbacks(browser: Browser, base: str, repeats: int) -> Iterator[Measured]:
    """Every callback by its output, over tickers, sessions and groups; by the server and the loopback alone."""
    seconds: dict[str, list[float]] = defaultdict(list)
    under_way: set[Request] = set()
    page = _open(browser, base, TABS[0])

    def began(request: Request) -> None:
        if CALLBACKS in request.url:
            under_way.add(request)

    def ended(request: Request) -> None:
        if CALLBACKS in request.url and request.post_data:
            under_way.discard(request)
            took = request.timing["responseEnd"] - request.timing["requestStart"]
            seconds[_name(request.post_data, page.url)].append(took / 1000)

    page.on("request", began)
    page.on("requestfinished", ended)
    for query in itertools.islice(_queries(), repeats * 24):
        with page.expect_request_finished(partial(_draws, query), timeout=180_000):
            page.evaluate(
                "(search) => { history.pushState({}, '', search);"
                " window.dispatchEvent(new CustomEvent('_dashprivate_pushstate')); }",
                query,
            )
        # Nobody clicks while the last page is still being drawn, on the cores that the server needs too.
        page.evaluate("() => new Promise((idle) => requestIdleCallback(idle))")
        while under_way:
            page.wait_for_timeout(20)
    for name in sorted(seconds):
        yield _measured(f"callback {name}", seconds[name], CALLBACK_SECONDS)
    page.context.close()


def _queries() -> Iterator[str]:
    """Addresses to go through: each tab for ticker after ticker, session after session, group after group."""
    universe = load_universe()
    days = sessions_through(date(2026, 4, 22), 40)
    chosen = zip(
        itertools.cycle(TABS),
        itertools.cycle(universe.tickers),
        itertools.cycle(days),
        itertools.cycle(sorted(universe.groups)),
        strict=False,
    )
    for number, (tab, ticker, day, group) in enumerate(chosen):
        yield f"?tab={tab}&ticker={ticker}&group={group}" + (f"&session={day}" if number % 2 else "")


def _draws(query: str, request: Request) -> bool:
    """Whether a request is the callback that draws the page of an address."""
    body = json.loads(request.post_data or "{}") if CALLBACKS in request.url else {}
    return "page.children" in str(body.get("output")) and _asked(body) == query


def _asked(body: dict[str, Any]) -> str | None:
    """The address that a callback was called for; None where it has none."""
    given = [*body.get("inputs", ()), *body.get("state", ())]
    return next((each.get("value") for each in given if each.get("id") == "address"), None)


def _name(sent: str, address: str) -> str:
    body = json.loads(sent)
    output = str(body["output"])
    # The browser may be elsewhere when it tells of a request's end.
    tab = re.search(r"tab=(\w+)", _asked(body) or address)
    # The one callback that draws pages is as many as there are pages.
    return f"{output[:40]} ({tab[1] if tab else TABS[0]})"


def _measured(what: str, seconds: Sequence[float], promised: float | None) -> Measured:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Measured(what, statistics.median(ordered), p95, len(ordered), promised, "s")


def _place(rows: int) -> dict[str, str | int | float]:
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "snapshots": rows}


def _show(place: dict[str, str | int | float], lines: Sequence[Measured]) -> None:
    print("\n" + "\n".join(f"{name}: {value}" for name, value in place.items()) + "\n")
    width = max(len(line.what) for line in lines)
    print(f"{'':{width}}  {'median':>10} {'p95':>10} {'n':>5} {'promised':>10}")
    for line in lines:
        places, values = 3 if line.unit == "s" else 0, (line.median, line.p95, line.promised)
        numbers = ["-" if value is None else f"{value:.{places}f} {line.unit}" for value in values]
        told = "" if line.holds else "  BROKEN"
        print(f"{line.what:{width}}  {numbers[0]:>10} {numbers[1]:>10} {line.n:>5} {numbers[2]:>10}{told}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=2520, help="how many sessions are forecast")
    parser.add_argument("--repeats", type=int, default=10, help="how often each first paint is taken")
    parser.add_argument("--url", help="a reader's URL of a database that is filled already")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
