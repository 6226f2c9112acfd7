"""The server's health, metrics, headers and doors, asked over a real socket."""

import re
from collections.abc import Iterator
from datetime import date

import httpx
import pytest
from playwright.sync_api import Browser
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform_tests.dashboard.running import PATIENCE_SEC, dashboard, watched
from ldtm_platform_tests.scratch import scratch_database

SECRET = "a s3cret: with colon"
WEBSOCKET = "/_dash-ws-callback"


@pytest.fixture(scope="module")
def locked(populated: str) -> Iterator[str]:
    """A dashboard that asks for a password and has a name beside localhost."""
    settings = {
        "LDTM_DASHBOARD_PASSWORD": SECRET,
        "LDTM_DASHBOARD_USER": "ann",
        "LDTM_DASHBOARD_NAMES": "forecasts.example",
        "LDTM_LAST_SESSION": "2026-04-22",
    }
    with dashboard(reader_url(Settings(), populated), **settings) as base:
        yield base


@pytest.fixture(scope="module")
def known(locked: str) -> Iterator[httpx.Client]:
    """Somebody who knows the password."""
    with httpx.Client(base_url=locked, auth=("ann", SECRET), trust_env=False, timeout=PATIENCE_SEC) as client:
        yield client


def get(base: str, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{base}{path}", headers=headers, trust_env=False, timeout=PATIENCE_SEC)


def test_health_says_what_is_well_and_is_open_to_those_without_a_password(locked: str) -> None:
    answer = get(locked, "/healthz")
    assert answer.status_code == 200
    said = answer.json()
    assert (said["status"], said["database"]["state"], said["wall"]["state"]) == ("ok", "ok", "ok")
    assert said["freshness"] == {
        "state": "ok",
        "last_bar": "2026-04-22",
        "last_forecast": "2026-04-22",
        "due": "2026-04-22",
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+", said["version"])


def test_stale_data_are_ill_and_the_command_is_named(populated_dashboard: str) -> None:
    answer = get(populated_dashboard, "/healthz")
    assert answer.status_code == 503
    freshness = answer.json()["freshness"]
    assert freshness["state"] == "stale"
    assert "no bar after 2026-04-22" in freshness["message"]
    assert "`ldtm pipeline`" in freshness["message"]


def test_an_empty_platform_is_well(empty_dashboard: str) -> None:
    answer = get(empty_dashboard, "/healthz")
    assert answer.status_code == 200
    assert answer.json()["freshness"]["state"] == "empty"


def test_a_database_that_is_gone_is_ill_without_its_address_or_password(server: Connection, template: str) -> None:
    with scratch_database(server, template) as url:
        reader = reader_url(Settings(), url)
    with dashboard(reader) as base:
        answer = get(base, "/healthz")
        assert answer.status_code == 503
        assert answer.json()["database"]["state"] == "down"
        metrics = get(base, "/metrics").text
        api = get(base, "/api/v1/predictions")
    assert "ldtm_database_up 0.0" in metrics
    assert "ldtm_tickers" not in metrics
    assert (api.status_code, "ldtm up" in api.json()["error"]) == (503, True)
    for text in (answer.text, metrics, api.text):
        assert server.password not in text
        assert "test_" not in text


def test_the_metrics_tell_every_stage(populated_dashboard: str) -> None:
    families = {each.name: each for each in text_string_to_metric_families(get(populated_dashboard, "/metrics").text)}

    def value(name: str, **labels: str) -> float:
        (found,) = (s.value for s in families[name].samples if labels.items() <= s.labels.items())
        return found

    assert value("ldtm_database_up") == 1
    midnight = (date(2026, 4, 22) - date(1970, 1, 1)).total_seconds()
    for stage in ("bars", "features", "forecasts"):
        assert value("ldtm_stage_newest_session_timestamp_seconds", stage=stage) == midnight
        assert value("ldtm_stage_tickers_current", stage=stage) == 102
    assert value("ldtm_tickers", state="ok") == 102
    assert value("ldtm_tickers", state="failed") == 1
    assert value("ldtm_snapshots_newest_session") == 102
    # All of the last session's, and 21 sessions of one-month targets.
    assert value("ldtm_targets_pending", horizon="next_day") == 102 + 1
    assert value("ldtm_targets_pending", horizon="one_month") == 21 * 103
    assert value("ldtm_targets_overdue") == 0
    assert value("ldtm_forecast_skill", family="persistence", horizon="next_day") == 0
    skill = value("ldtm_forecast_skill", family="ldtm", horizon="next_day")
    assert value("ldtm_forecast_skill_low", family="ldtm", horizon="next_day") < skill < 0
    assert value("ldtm_champions") == 103
    assert value("ldtm_quarantined_rows", reason="high_below_low") == 2
    assert value("ldtm_last_ingest_timestamp_seconds") > midnight
    assert "process_resident_memory_bytes" in families


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/api/v1/docs", "/api/v1/universe"])
def test_every_answer_forbids_what_is_not_ours(populated_dashboard: str, path: str) -> None:
    headers = get(populated_dashboard, path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert "unsafe" not in policy["script-src"]
    assert policy["frame-ancestors"] == "'none'"
    assert "http" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_another_name_for_this_machine_is_refused(populated_dashboard: str) -> None:
    for name in ("evil.example", "evil.example:8501", "localhost.evil.example", "[::1", ""):
        assert get(populated_dashboard, "/", Host=name).status_code == 421, name
    for name in ("localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]:8501"):
        assert get(populated_dashboard, "/", Host=name).status_code == 200, name


def test_a_name_that_the_settings_list_is_answered(known: httpx.Client) -> None:
    assert known.get("/", headers={"Host": "Forecasts.Example"}).status_code == 200
    assert known.get("/", headers={"Host": "other.example"}).status_code == 421


def test_another_sites_page_can_neither_post_nor_listen(populated_dashboard: str) -> None:
    for origin in ("http://evil.example", "http://[evil", "null"):
        sent = httpx.post(
            f"{populated_dashboard}/_dash-update-component",
            content="{}",
            headers={"Origin": origin, "Content-Type": "text/plain"},
            trust_env=False,
            timeout=PATIENCE_SEC,
        )
        assert sent.status_code == 403
    address = populated_dashboard.replace("http", "ws", 1) + WEBSOCKET
    for origin in ("http://evil.example", "http://127.0.0.1:1", "null"):
        with pytest.raises(InvalidStatus) as refused, connect(address, origin=Origin(origin), proxy=None):
            pass
        assert refused.value.response.status_code == 403
    with connect(address, origin=Origin(populated_dashboard), proxy=None) as own:
        own.ping().wait(PATIENCE_SEC)


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/universe", "/api/v1/docs", "/assets/look.css", "/nothing"])
def test_without_the_password_there_is_nothing(locked: str, path: str) -> None:
    answer = get(locked, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    ("user", "password"), [("ann", ""), ("ann", "another"), ("", SECRET), ("bob", SECRET), ("ann", SECRET + " ")]
)
def test_a_wrong_name_or_password_is_refused(locked: str, user: str, password: str) -> None:
    answer = httpx.get(f"{locked}/metrics", auth=(user, password), trust_env=False, timeout=PATIENCE_SEC)
    assert answer.status_code == 401


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic /w==", "Bearer abc", "basic YW5u"])
def test_a_malformed_authorization_is_refused(locked: str, header: str) -> None:
    assert get(locked, "/metrics", Authorization=header).status_code == 401


def test_the_password_opens_pages_and_the_websocket(locked: str, known: httpx.Client) -> None:
    assert known.get("/").status_code == 200
    assert known.get("/metrics").status_code == 200
    address = locked.replace("http", "ws", 1) + WEBSOCKET
    with pytest.raises(InvalidStatus), connect(address, origin=Origin(locked), proxy=None):
        pass
    basic = httpx.BasicAuth("ann", SECRET)._auth_header
    with connect(address, origin=Origin(locked), additional_headers={"Authorization": basic}, proxy=None) as own:
        own.ping().wait(PATIENCE_SEC)


def test_a_browser_that_was_given_the_password_draws_pages_and_opens_the_websocket(
    browser: Browser, locked: str
) -> None:
    context = browser.new_context(http_credentials={"username": "ann", "password": SECRET})
    found = watched(context, locked)
    with found.page.expect_console_message(lambda message: message.text == "[Dash] WebSocket connected"):
        found.open("?tab=operations")
    found.settled()
    context.close()
    assert found.complaints == []
