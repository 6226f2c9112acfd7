"""`ldtm ask` and `ldtm mcp` as people and programs use them: in a process of their own, over a filled database."""

import asyncio
import io
import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import mcp_types as types
import pytest
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from ldtm_platform_tests.cli.forked import Said
from ldtm_platform_tests.cli.home import LDTM, Home, quick_home
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.llm.dialects import vllm
from ldtm_platform_tests.llm.model_server import Asked, Reply, chunk, event, serving
from ldtm_platform_tests.warehouse.rows import query

KEY = "sk-planted-0123456789"
LAST = date(2024, 7, 31)
TICKERS = ("AMGN", "AMZN", "ARM", "NVDA")


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with quick_home() as made, made.postgres.session():
        assert made.ldtm("init-db").code == 0
        with made.engine() as engine:
            fill(engine, tickers=TICKERS, sessions=sessions_through(LAST, 30))
        yield made


def ask(home: Home, *arguments: str, url: str = "", **other: str) -> Said:
    return home.ldtm("ask", *arguments, **({"LLM_BASE_URL": url, "LLM_API_KEY": KEY} | other))


def nvda(home: Home) -> float:
    with home.engine() as engine:
        statement = "SELECT next_day_close_pred AS p FROM ldtm_daily_snapshots WHERE ticker = 'NVDA' AND run_date = :d"
        return float(query(engine, statement, d=LAST)[0]["p"])


def test_an_answer_is_marked_cited_and_badged(home: Home) -> None:
    close = nvda(home)
    with serving(lambda _: vllm(f"# NVDA\nNVDA: {close:.2f}\nNVDA will be at 99999.99\n\x1b[31mred")) as server:
        said = ask(home, "--group", "mega_cap", "How is NVDA?", url=server.url)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[:4] == ["│ # NVDA", f"│ NVDA: {close:.2f}", "│ NVDA will be at 99999.99[?]", "│ [31mred[?]"]
    assert "1 of 3 numbers in this answer stand in the data" in said.out
    assert f"As of {LAST}. From: ldtm_signals NVDA {LAST}" in said.out
    assert "Skill against \"tomorrow's close is today's\"" in said.out
    assert KEY not in said.out + said.err


def test_an_answer_for_programs_is_one_document(home: Home) -> None:
    close = nvda(home)
    with serving(lambda _: vllm(f"NVDA: {close:.2f}")) as server:
        document = ask(home, "NVDA?", "--json", url=server.url).json()
    (number,) = document["numbers"]
    source = {"table": "ldtm_signals", "ticker": "NVDA", "session": str(LAST), "column": "next_day_close_pred"}
    assert (number["status"], number["source"]) == ("found", source)
    assert (document["as_of"], document["trouble"]) == (str(LAST), None)
    assert {"ldtm_signals", "ldtm_accuracy_30d"} <= {result["source"] for result in document["data"]}


def test_a_dead_endpoint_is_told_and_the_tables_show(home: Home) -> None:
    said = ask(home, "How is NVDA?", url="http://127.0.0.1:9")
    assert said.code == 1
    assert "LLM_BASE_URL=http://127.0.0.1:9 is not there (no connection): start it, or correct LLM_BASE_URL" in said.err
    assert "Traceback" not in said.err
    assert "Forecasts (ldtm_signals, as of 2024-07-31, 1 row)" in said.out
    assert f"{nvda(home):.2f}" in said.out


def test_what_cannot_be_asked_is_refused(home: Home) -> None:
    assert (ask(home, " ").code, ask(home, "NVDA?", "--group", "nobody").code) == (2, 2)
    said = ask(home, "NVDA?", url="http://me:planted@x")
    assert said.code == 2
    assert "LLM_BASE_URL: must be without user, password and query" in said.err
    assert "planted" not in said.err


def test_control_c_stops_the_server(home: Home) -> None:
    def endless(_: Asked) -> Reply:
        return Reply([event(chunk({"content": "NVDA is \n\n well\n"})), 60.0])

    with serving(endless) as server:
        process = home.start("ask", "NVDA?", LLM_BASE_URL=server.url)
        assert process.stdout is not None
        assert process.stdout.readline() == "│ NVDA is\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert server.hung_up.wait(60)
    assert process.returncode != 0
    assert "Traceback" not in err


async def talk(home: Home, log: Path, calls: Sequence[tuple[str, dict[str, object]]]) -> list[types.CallToolResult]:
    """What the server answers to a real client, after its tools were listed."""
    server = StdioServerParameters(command=LDTM[0], args=[*LDTM[1:], "mcp"], env=home.variables(), cwd=home.path)
    with log.open("w") as errors:
        async with (
            stdio_client(server, errlog=errors) as (incoming, outgoing),
            ClientSession(incoming, outgoing, message_handler=_no_trouble) as session,
        ):
            started = await session.initialize()
            assert started.server_info.name == "ldtm"
            listed = await session.list_tools()
            assert [tool.name for tool in listed.tools][:3] == ["predictions", "accuracy", "model_cards"]
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in listed.tools)
            return [await session.call_tool(name, arguments) for name, arguments in calls]


async def _no_trouble(message: object) -> None:
    """What is no protocol arrives as an exception."""
    assert not isinstance(message, Exception), message


def test_an_mcp_client_reads_the_same_data(home: Home, tmp_path: Path) -> None:
    calls: list[tuple[str, dict[str, object]]] = [
        ("predictions", {"tickers": ["NVDA"]}),
        ("headlines", {"days": 365, "limit": 2}),
        ("history", {"tickers": ["NVDA'; DROP TABLE ldtm_predictions; --"]}),
        ("drop_everything", {}),
        ("accuracy", {"group": "mega_cap"}),
    ]
    predictions, news, injected, unknown, accuracy = asyncio.run(talk(home, tmp_path / "log", calls))
    assert predictions.structured_content["rows"][0]["next_day_close_pred"] == nvda(home)
    assert not any(result.is_error for result in (predictions, news, accuracy))
    assert {row["ticker"] for row in accuracy.structured_content["rows"]} == {"AMZN", "NVDA"}
    assert "untrusted text by strangers" in json.dumps([block.model_dump() for block in news.content])
    for refused, says in ((injected, "should match pattern"), (unknown, "there is no tool 'drop_everything'")):
        assert refused.is_error
        assert says in json.dumps([block.model_dump() for block in refused.content])
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_only_the_protocol_is_on_standard_output(home: Home) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "accuracy", "arguments": {}}},
    ]
    sent = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(
        [*LDTM, "mcp"], input=sent, env=home.variables(), cwd=home.path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in io.StringIO(done.stdout)]
    assert [answer["id"] for answer in answers] == [1, 2]
