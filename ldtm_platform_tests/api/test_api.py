"""The JSON API over real rows: typed answers, bounded, refusals in sentences, and a documentation without scripts."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from ldtm_platform.api.app import create_api
from ldtm_platform.llm.toolbox import NAMES
from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse.reader import reader_engine
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.scratch import scratch_database

TICKERS = ("AAPL", "AMD", "MSFT", "NVDA", "TQQQ")
LAST = date(2026, 4, 22)


@pytest.fixture(scope="module")
def client(server: Connection, template: str) -> Iterator[TestClient]:
    with scratch_database(server, template) as url:
        owner = sa.create_engine(url)
        fill(owner, tickers=TICKERS, sessions=sessions_through(LAST, 40))
        list(score_sessions(owner, [LAST]))
        owner.dispose()
        reading = reader_engine(reader_url(Settings(), url))
        yield TestClient(create_api(Settings(), reading))
        reading.dispose()


def asked(client: TestClient, path: str, **parameters: str | int) -> Any:  # noqa: ANN401
    answer = client.get(path, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: TestClient, path: str, **parameters: str | int) -> str:
    answer = client.get(path, params=parameters or None)
    assert answer.status_code == 422
    return str(answer.json()["error"])


def test_the_universe_is_that_of_the_file(client: TestClient) -> None:
    said, known = asked(client, "/universe"), load_universe()
    assert tuple(said["tickers"]) == known.tickers
    assert said["sector_of"]["NVDA"] == "semis"
    assert set(said["groups"]) == set(known.groups)


def test_predictions_come_by_implied_return_with_the_counts_of_all_buckets(client: TestClient) -> None:
    said = asked(client, "/predictions")
    # The last ticker's newest ingest failed.
    assert {row["ticker"] for row in said["rows"]} == set(TICKERS) - {"TQQQ"}
    implied = [row["implied_1m_return_pct"] for row in said["rows"]]
    assert implied == sorted(implied, reverse=True)
    assert said["bullish"] + said["neutral"] + said["bearish"] == said["total"] == 4
    assert said["as_of"] == "2026-04-22"


def test_a_session_a_group_and_a_limit_narrow_what_is_given(client: TestClient) -> None:
    assert asked(client, "/predictions", session="2026-04-21")["total"] == 5
    semis = asked(client, "/predictions", group="semis", limit=1)
    assert (semis["total"], len(semis["rows"])) == (2, 1)
    assert asked(client, "/predictions", tickers="aapl, msft")["total"] == 2


def test_history_pages_by_its_end(client: TestClient) -> None:
    first = asked(client, "/history", tickers="AAPL", limit=10)
    assert (first["total"], len(first["rows"])) == (40, 10)
    oldest = first["rows"][-1]["run_date"]
    second = asked(client, "/history", tickers="AAPL", limit=10, end=oldest)
    assert second["rows"][0]["run_date"] == oldest
    assert second["rows"][-1]["next_day_actual"] is not None


def test_each_of_the_other_reads_answers(client: TestClient) -> None:
    accuracy = asked(client, "/accuracy", order="skill")
    assert {row["horizon"] for row in accuracy["fleet"]} == {"next_day", "next_monday", "one_month"}
    assert accuracy["rows"][0]["ticker"] == "NVDA"
    assert asked(client, "/model-cards", tickers="NVDA")["rows"][0]["test_skill_total"] > -0.2
    assert asked(client, "/headlines", tickers="AMD", limit=2)["rows"][0]["title"].startswith("AMD")
    confidence = asked(client, "/confidence", horizon="next_day")
    assert {row["ticker"] for row in confidence["rows"]} <= set(TICKERS)
    assert confidence["as_of"] == "2026-04-22"
    assert min(row["evidence"] for row in confidence["rows"]) >= 21
    assert asked(client, "/confidence", limit=600, tickers="nvda")["total"] == 3
    for row in confidence["rows"]:
        assert (0 < row["half_width_pct"] < 20, row["promises"] >= 0) == (True, True)


def test_a_signal_that_is_not_there_is_not_found(client: TestClient) -> None:
    answer = client.get("/tqqq-signal")
    assert (answer.status_code, answer.json()) == (404, {"error": "no TQQQ signal yet"})


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"session": "yesterday"}, "session: Input should be a valid date"),
        ({"limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"limit": 10_000_000}, "limit: Input should be less than or equal to 200"),
        ({"bucket": "up"}, "bucket: Input should be 'bullish', 'neutral' or 'bearish'"),
        (
            {"ticker": "AAPL"},
            "no parameter 'ticker' here; there are: tickers, group, limit, session, bucket, lowest_first",
        ),
        ({"ticker": "AAPL", "limit": 0}, "limit: Input should be greater than or equal to 1; no parameter 'ticker'"),
        ({"tickers": "ZZZZ"}, "not in the universe: ZZZZ"),
        ({"tickers": "'; DROP TABLE ldtm_run_log; --"}, "String should match pattern"),
        ({"tickers": "A" * 5000}, "tickers: String should have at most 4000 characters"),
        ({"group": "nobodys"}, "no group 'nobodys' in the universe: it has consumer"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    client: TestClient, parameters: dict[str, str | int], told: str
) -> None:
    assert told in refused(client, "/predictions", **parameters)


def test_a_parameter_that_is_repeated_and_a_time_that_is_turned_round_are_refused(client: TestClient) -> None:
    told = refused(client, "/predictions?tickers=AAPL&tickers=MSFT")
    assert told == "tickers is given 2 times: give it once (tickers with commas)"
    told = refused(client, "/history", start="2024-07-31", end="2024-07-01")
    assert told == "history: end: 2024-07-01 is before the start, 2024-07-31"


def test_nothing_can_be_written(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, "/predictions").status_code == 405


def test_a_path_that_is_not_there_points_to_the_documentation(client: TestClient) -> None:
    answer = client.get("/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found; /api/v1/docs lists what there is"})


def test_the_documentation_names_every_path_and_loads_nothing(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    page = client.get("/docs").text
    assert {path.strip("/").replace("-", "_") for path in schema["paths"]} >= set(NAMES)
    for path, methods in schema["paths"].items():
        assert set(methods) == {"get"}
        assert f"GET /api/v1{path}" in page
        assert methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert "<script" not in page
    assert "https://" not in page
    # Every answer's fields are there, also those of its rows.
    assert "persistence_avg_abs_pct_error" in page
    assert json.dumps(schema)
