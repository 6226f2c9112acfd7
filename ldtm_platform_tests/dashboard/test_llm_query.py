"""The page LLM Query in a real browser: an answer streams in checked, stops, and its absence still shows the data."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect

from ldtm_platform.dashboard.pages.llm_query import examples
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform_tests.dashboard.conftest import LAST
from ldtm_platform_tests.dashboard.running import DESKTOP, PATIENCE_SEC, PHONE, Watched, context_of, dashboard, watched
from ldtm_platform_tests.llm.dialects import vllm
from ldtm_platform_tests.llm.model_server import Asked, ModelServer, Reply, chunk, event, serving

KEY = "sk-planted-0123456789"
# Neither the model nor who asks it gives up before a test has ended.
ENDLESS_SEC = 300.0
TEXT = (
    "## AAPL\n1. AAPL closes at 99999.99.\n2. As of 2026-04-22 it is so.\n\n| ticker | close |\n|---|---|\n"
    "| AAPL | 88888.88 |\n\n<script>document.title='owned'</script><img src=http://127.0.0.1:1/x.png onerror=alert(1)> "
    "[see](http://evil.example/?q=1) ![i](http://evil.example/i.png) **bold**"
)


@dataclass
class Model:
    """What the fake model answers next."""

    reply: Reply = field(default_factory=lambda: vllm("hello"))

    def __call__(self, _: Asked) -> Reply:
        return self.reply


@dataclass(frozen=True)
class Scene:
    """A page of the dashboard, and the model behind it."""

    watched: Watched
    model: Model
    server: ModelServer

    def ask(self, question: str, query: str = "") -> Page:
        page = self.watched.open(f"?tab=llm_query{query}")
        page.get_by_label("Question").fill(question)
        page.get_by_role("button", name="Ask").click()
        return page


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def model_server(model: Model) -> Iterator[ModelServer]:
    with serving(model) as server:
        yield server


@pytest.fixture(scope="module")
def asking_dashboard(populated: str, model_server: ModelServer) -> Iterator[str]:
    url = reader_url(Settings(), populated)
    with dashboard(url, LLM_BASE_URL=model_server.url, LLM_API_KEY=KEY, LLM_TIMEOUT=str(ENDLESS_SEC)) as base:
        yield base


@pytest.fixture
def scene(browser: Browser, asking_dashboard: str, model: Model, model_server: ModelServer) -> Iterator[Scene]:
    context = context_of(browser)
    found = watched(context, asking_dashboard)
    yield Scene(found, model, model_server)
    context.close()
    assert found.complaints == []


def test_an_answer_is_checked_cited_and_has_no_markup(scene: Scene) -> None:
    scene.model.reply = vllm(TEXT)
    page = scene.ask("How is AAPL?")
    expect(page.locator(".llm-verdict")).to_contain_text("1 of 3 numbers")
    expect(page.locator(".llm-number.missing")).to_have_count(2)
    expect(page.locator(".llm-number.found")).to_have_text("2026-04-22")
    expect(page.locator(".llm-below")).to_contain_text(f"As of {LAST}")
    expect(page.locator(".llm-skill")).to_contain_text("tomorrow's close is today's")
    expect(page.locator(".llm-lines img, .llm-lines script, .llm-lines a")).to_have_count(0)
    expect(page.locator(".llm-lines")).to_contain_text("bold")
    assert page.title() != "owned"
    assert KEY not in page.content()
    scene.watched.settled()
    scene.watched.shot("llm_query_light")


def test_the_text_comes_while_the_model_writes_and_stop_ends_it(scene: Scene) -> None:
    first = [event(chunk({"content": word})) for word in ("AAPL ", "may ", "rise ", "to ", "77777.77 ", "soon ")]
    scene.model.reply = Reply([*(part for each in first for part in (each, 0.1)), ENDLESS_SEC])
    scene.server.hung_up.clear()
    page = scene.ask("How is AAPL?")
    expect(page.locator(".llm-lines")).to_contain_text("AAPL may rise")
    expect(page.locator("#llm-tables")).to_contain_text("Forecasts")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#llm-status")).to_contain_text("Stopped")
    assert scene.server.hung_up.wait(PATIENCE_SEC)
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    scene.model.reply = vllm("AAPL is well.")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".llm-verdict")).to_contain_text("No number")


def test_another_question_ends_the_one_before_and_can_be_stopped_too(scene: Scene) -> None:
    scene.model.reply = Reply([event(chunk({"content": "First words "})), ENDLESS_SEC])
    page = scene.ask("How is AAPL?")
    expect(page.locator("#llm-status")).to_contain_text("The model")
    scene.server.hung_up.clear()
    scene.model.reply = Reply([event(chunk({"content": "Second words "})), ENDLESS_SEC])
    page.get_by_role("button", name="Ask").click()
    assert scene.server.hung_up.wait(PATIENCE_SEC)
    expect(page.locator(".llm-lines")).to_contain_text("Second")
    expect(page.locator("#llm-status")).to_contain_text("The model writes")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#llm-status")).to_contain_text("Stopped")


def test_leaving_the_page_ends_the_model(scene: Scene) -> None:
    scene.model.reply = Reply(
        [event(chunk({"content": "AAPL is well. "})), 0.2, event(chunk({"content": "x "})), ENDLESS_SEC]
    )
    scene.server.hung_up.clear()
    page = scene.ask("How is AAPL?")
    expect(page.locator(".llm-lines")).to_contain_text("AAPL")
    page.goto("about:blank")
    assert scene.server.hung_up.wait(PATIENCE_SEC)


def test_a_dead_endpoint_is_told_and_the_tables_show(scene: Scene) -> None:
    scene.model.reply = Reply(ends="reset")
    page = scene.ask("How is AAPL?")
    expect(page.locator("#llm-answer")).to_contain_text("broke the connection off")
    expect(page.locator("#llm-answer")).to_contain_text("LLM_BASE_URL")
    expect(page.locator("#llm-tables h2").first).to_have_text("Forecasts")
    expect(page.locator("#llm-tables")).to_contain_text("Headlines")
    scene.watched.settled()
    scene.watched.shot("llm_query_dead_endpoint")


def test_a_group_of_the_address_narrows_the_data(scene: Scene) -> None:
    scene.model.reply = vllm("Two funds.")
    page = scene.ask("Which is best?", "&group=etfs")
    expect(page.locator(".llm-verdict")).to_be_visible()
    scene.watched.settled()
    shown = set(scene.watched.cells("#llm-tables .ag-row [col-id='ticker']"))
    assert shown <= {"TQQQ", "SQQQ"}
    assert shown


def test_an_example_fills_the_question_and_nothing_asks_for_one(scene: Scene) -> None:
    page = scene.watched.open("?tab=llm_query")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#llm-status")).to_contain_text("ask something")
    page.get_by_role("button", name="Does any model beat").click()
    expect(page.get_by_label("Question")).to_have_value("Does any model beat tomorrow-is-today?")


def test_the_examples_are_about_tickers_that_have_forecasts(scene: Scene) -> None:
    page = scene.watched.open("?tab=llm_query&group=etfs")
    asked = "How accurate were the forecasts of SQQQ and TQQQ?"
    page.get_by_role("button", name=asked).click()
    expect(page.get_by_label("Question")).to_have_value(asked)
    assert examples([])[1::2] == ("How accurate were the forecasts?", "What is in the news?")
    assert examples(["IBM"])[1::2] == ("How accurate were the forecasts of IBM?", "What is in the news on IBM?")


@pytest.mark.parametrize(("name", "dark", "phone"), [("dark", True, False), ("phone", False, True)])
def test_it_is_readable_in_the_dark_and_on_a_phone(
    browser: Browser, asking_dashboard: str, model: Model, *, name: str, dark: bool, phone: bool
) -> None:
    model.reply = vllm(TEXT)
    context = context_of(browser, dark=dark, size=PHONE if phone else DESKTOP)
    found = watched(context, asking_dashboard)
    page = found.open("?tab=llm_query&group=mega_cap")
    page.get_by_label("Question").fill("How is AAPL?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".llm-verdict")).to_be_visible()
    found.settled()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found.shot(f"llm_query_{name}")
    context.close()
    assert found.complaints == []


def test_without_a_model_the_page_says_what_to_set(page: Watched) -> None:
    shown = page.open("?tab=llm_query")
    expect(shown.locator(".state")).to_contain_text("LLM_BASE_URL=http://127.0.0.1:8080/v1 ldtm up")
    shown.get_by_label("Question").fill("How is AAPL?")
    shown.get_by_role("button", name="Ask").click()
    expect(shown.locator("#llm-tables h2").first).to_have_text("Forecasts")
    expect(shown.locator("#llm-answer")).to_contain_text("No language model is set")
    page.settled()
    page.shot("llm_query_no_model")
