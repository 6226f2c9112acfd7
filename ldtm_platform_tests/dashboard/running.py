"""The real dashboard in a process of its own, and a browser that tells of every complaint."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as OutOfPatience

from ldtm_platform_tests.ports import kept_port

ARTIFACTS = Path(__file__).parents[2] / ".artifacts"
# Nothing of the browser itself may go out: a request that leaves the machine is then the page's.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
# A shared machine may be slow; what a test waits for comes long before on a quiet one.
PATIENCE_SEC = 60
PATIENCE_MS = 1_000 * PATIENCE_SEC
# Figures have their SVG, tables their rows or the words that there are none, and no callback is on its way.
_SETTLED = """() => [...document.querySelectorAll(".dash-graph")].every(it => it.querySelector(".main-svg"))
  && [...document.querySelectorAll(`[id*='"type":"grid"']`)]
    .every(it => it.querySelector(".ag-row, .ag-overlay-no-rows-center"))
  && !document.querySelector("[data-dash-is-loading=true]")"""
# The words of cells by their rows; nothing while one of them has none.
_SAID = """selector => {
  const row = it => Number(it.closest(".ag-row").getAttribute("row-index"));
  const cells = [...document.querySelectorAll(selector)].sort((one, other) => row(one) - row(other));
  const said = cells.map(it => it.textContent.trim());
  return said.length && said.every(text => text) ? said : null;
}"""
_BEGINS = "return it && top.every((text, at) => it[at] === text);"
DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass
class Watched:
    """A page, and what went wrong on it: console errors, failed requests, requests that leave the machine."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, query: str = "") -> Page:
        """Go to an address of the dashboard and wait until its page is drawn."""
        self.page.goto(f"{self.base}/{query}")
        return self.drawn()

    def drawn(self, key: str | None = None) -> Page:
        """Wait until the page in the frame (that of a key, if given) has a heading or says what is missing."""
        within = f".page-{key}" if key else "#page"
        self.page.wait_for_selector(f"{within} h1, {within} .state")
        return self.page

    def settled(self, key: str | None = None) -> Page:
        """Wait until also every figure and table of the page is there."""
        self.drawn(key)
        self.page.wait_for_function(_SETTLED)
        return self.page

    def rows(self, key: str, field: str) -> list[str]:
        """What a table of the page shows in one column, from the top, as far as it is scrolled into view."""
        return self.cells(f"{grid(key)} .ag-row [col-id='{field}']")

    def cells(self, selector: str) -> list[str]:
        """What cells of tables say, from the top, once each says something: a row is there before its words are."""
        said: list[str] = self.page.wait_for_function(_SAID, arg=selector).json_value()
        return said

    def shows(self, key: str, field: str, top: Sequence[str]) -> None:
        """Wait until a table begins so in one column: it may still show the rows of the page before."""
        with suppress(OutOfPatience):
            arguments = [f"{grid(key)} .ag-row [col-id='{field}']", list(top)]
            self.page.wait_for_function(f"([of, top]) => {{ const it = ({_SAID})(of); {_BEGINS} }}", arg=arguments)
        assert self.rows(key, field)[: len(top)] == list(top)

    def shot(self, name: str) -> Path:
        """Keep a picture of the whole page among the artefacts of the tests."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path


@contextmanager
def dashboard(url: str, **settings: str) -> Iterator[str]:
    """The dashboard's process over a database's URL; its address. `settings` are variables of its environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LDTM_", "DB_", "DAGSTER_", "LLM_"))}
    command = [sys.executable, "-m", "ldtm_platform.dashboard"]
    with kept_port() as port, kept_port() as nobodys, tempfile.TemporaryFile("w+") as said:
        # Whatever else runs on this machine, no Dagster UI answers on the second port.
        ports = {"LDTM_DASHBOARD_PORT": str(port), "LDTM_UI_PORT": str(nobodys)}
        variables = {**clean, "LDTM_READER_URL": url, **ports, **settings}
        process = subprocess.Popen(command, env=variables, stdout=said, stderr=subprocess.STDOUT)
        try:
            base = f"http://127.0.0.1:{port}"
            _wait_for(base, process, said)
            yield base
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_SEC)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; skips where there is none."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("needs a Chromium on the PATH")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


def watched(context: BrowserContext, base: str) -> Watched:
    """A new page whose complaints are collected."""
    found = Watched(context.new_page(), base)
    found.page.set_default_timeout(PATIENCE_MS)

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.complaints.append(f"console {message.type}: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith((base, base.replace("http", "ws", 1), "data:", "blob:")):
            found.complaints.append(f"request that leaves the machine: {request.url}")

    found.page.on("console", heard)
    found.page.on("pageerror", lambda error: found.complaints.append(f"page error: {error}"))
    found.page.on("request", asked)
    return found


def context_of(
    browser: Browser, *, dark: bool = False, size: tuple[int, int] = DESKTOP, extra: Mapping[str, str] | None = None
) -> BrowserContext:
    """A fresh context: no storage, the system's theme and the screen as told, `extra` as headers of each request."""
    width, height = size
    return browser.new_context(
        color_scheme="dark" if dark else "light",
        viewport={"width": width, "height": height},
        extra_http_headers=dict(extra or {}),
        accept_downloads=True,
        locale="en-US",
    )


def grid(key: str) -> str:
    """The selector of a table by its key."""
    return f"""[id='{{"key":"{key}","type":"grid"}}']"""


def button(kind: str, key: str) -> str:
    """The selector of the CSV button of a table or figure."""
    return f"""[id='{{"key":"{key}","type":"csv-of-{kind}"}}']"""


def _wait_for(base: str, process: "subprocess.Popen[bytes]", said: IO[str]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            said.seek(0)
            raise RuntimeError(f"the dashboard ended at once: {said.read()}")
        try:
            httpx.get(f"{base}/healthz", timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the dashboard does not answer after a minute")
