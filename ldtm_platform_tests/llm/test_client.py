"""The chat with a server: every dialect says the same, every fault has its message, and leaving closes the stream."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing

import pytest
from pydantic import SecretStr

from ldtm_platform.llm.assembly import Turn, calls_in_text
from ldtm_platform.llm.client import Client
from ldtm_platform.llm.endpoint import (
    Endpoint,
    ModelError,
    Nonsense,
    NotConfigured,
    Refused,
    TooLong,
    ToolsRefused,
    Unreachable,
)
from ldtm_platform_tests.llm.dialects import DIALECTS, legacy, many, vllm
from ldtm_platform_tests.llm.model_server import MODEL, Call, ModelServer, Reply, chunk, event, in_order, serving
from ldtm_platform_tests.ports import kept_port

KEY = "sk-planted-0123456789"
MESSAGES = [{"role": "user", "content": "?"}]
TOOLS: list[dict[str, object]] = [{"type": "function", "function": {"name": "predictions", "parameters": {}}}]
TEXT = "AMD – 282,22 € · “naïve” 三 😀\n\n- two lines"
CALLS = (Call("predictions", {"tickers": ["AMD"], "limit": 5}), Call("history", {"tickers": ["AMD", "ODFL"]}))


def endpoint(url: str, **changed: object) -> Endpoint:
    settings = {"key": SecretStr(KEY), "timeout": 60.0, "backoff_s": 0.01} | changed
    return Endpoint(url, **settings)  # type: ignore[arg-type]


def said(url: str, tools: Sequence[dict[str, object]] = (), **changed: object) -> tuple[str, Turn]:
    """The text as it was streamed, and the turn."""

    async def talk() -> tuple[str, Turn]:
        text, turn = "", None
        async with Client(endpoint(url, **changed)) as client, aclosing(client.turn(MESSAGES, tools)) as parts:
            async for part in parts:
                if isinstance(part, Turn):
                    turn = part
                else:
                    text += part
        assert turn is not None
        return text, turn

    return asyncio.run(talk())


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_says_the_same_text(name: str) -> None:
    with serving(lambda _: DIALECTS[name](TEXT, ())) as server:
        streamed, turn = said(server.url)
    assert turn.text.split("</think>")[-1] == TEXT
    assert streamed == turn.text
    assert (turn.calls, turn.is_cut) == ((), False)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_makes_the_same_calls(name: str) -> None:
    with serving(lambda _: DIALECTS[name]("", CALLS)) as server:
        _, turn = said(server.url, TOOLS)
    assert [(call.name, json.loads(call.json())) for call in turn.calls] == [(c.name, c.arguments) for c in CALLS]
    assert len({call.id for call in turn.calls}) == len(CALLS)


def test_the_old_function_call_is_a_call() -> None:
    with serving(lambda _: legacy("", CALLS)) as server:
        _, turn = said(server.url, TOOLS)
    assert [call.name for call in turn.calls] == ["predictions"]


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", '{"AMD": 282}', '{"name": "x"}', "```json\n[1]\n```", '{"name": 1}{"name": 2}', "{" * 5000, "[1, 2"],
)
def test_json_that_calls_nothing_is_text(text: str) -> None:
    assert calls_in_text(text) == []


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
@pytest.mark.parametrize("root", ["/v1", ""])
def test_the_address_may_be_the_host_the_root_or_the_call(base: str, root: str) -> None:
    with serving(lambda _: vllm("hello"), root=root) as server:
        _, turn = said(server.url + base)
        assert turn.text == "hello"
        assert server.asked[-1].body["model"] == MODEL


def test_an_address_with_a_path_of_its_own_is_taken_as_it_is() -> None:
    with serving(lambda _: vllm("hello"), root="/openai/v1") as server:
        assert said(f"{server.url}/openai/v1")[1].text == "hello"
        assert said(f"{server.url}/openai")[1].text == "hello"


def test_the_key_is_sent_as_a_header_and_the_named_model_is_asked() -> None:
    with serving(lambda _: vllm("hello")) as server:
        said(server.url, TOOLS, model="mine")
    (asked,) = server.asked
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert (asked.body["model"], asked.body["stream"], asked.body["tools"]) == ("mine", True, TOOLS)
    assert KEY not in json.dumps(asked.body)
    assert KEY not in repr(endpoint(server.url))


def failing(reply: Reply, tools: Sequence[dict[str, object]] = (), **changed: object) -> ModelError:
    with serving(lambda _: reply) as server, pytest.raises(ModelError) as failure:
        said(server.url, tools, **changed)
    return failure.value


def body(message: object, status: int, **headers: str) -> Reply:
    return Reply([json.dumps(message).encode()], status, "application/json", headers)


CONTEXT = "This model's maximum context length is 2048 tokens. However, you requested 5000"
NO_TOOLS = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (
            body({"error": {"message": "bad key sk-planted-0123456789"}}, 401),
            Refused,
            "bad key ***): check LLM_API_KEY",
        ),
        (body({"error": "model 'x' not found"}, 404), Refused, "model 'x' not found"),
        (body({"detail": [{"msg": "field required"}]}, 422), Refused, "field required"),
        (body({"error": {"message": CONTEXT}}, 400), TooLong, "context is too small"),
        (Reply([b"<html>proxy</html>"], 502, "text/html"), Refused, "HTTP 502 (a page of HTML)"),
        (Reply([b"<html>hello</html>"], 200, "text/html"), Nonsense, "a page of HTML: LLM_BASE_URL must name"),
        (body({"error": {"message": "out of memory"}}, 200), Refused, "says: out of memory"),
        (body({"status": "ok"}, 200), Nonsense, "without any message"),
        (body([1, 2], 200), Nonsense, "no JSON object"),
        (Reply([b'{"choices'], 200, "application/json"), Nonsense, "calls its answer JSON"),
        (Reply([b"garbage \xff\xfe\x00 line\n\n"] * 3), Nonsense, "without any message"),
        (Reply([b"data: garbage\n\n"]), Nonsense, "an event that is no JSON"),
        (Reply([event({"choices": [{"delta": "x"}]})]), Nonsense, "without delta and message"),
        (Reply([event({"error": {"message": "CUDA error"}})]), Refused, "CUDA error"),
        (Reply([event("[DONE]")]), Nonsense, "without any message"),
        (Reply(), Nonsense, "without any message"),
        (Reply(ends="reset"), Unreachable, "broke the connection off"),
        (Reply([b"data: {"], ends="cut"), Unreachable, "broke the connection off"),
        (Reply([10.0]), Unreachable, "did not answer within LLM_TIMEOUT=0.4 s"),
        (Reply([b"data: " + b"x" * 1_000_000] * 20), Nonsense, "more than 16 MiB"),
        (body({}, 429, **{"Retry-After": "3600"}), Unreachable, "says HTTP 429 and to wait 3600 s: ask again after"),
        (Reply([b""], 307, headers={"Location": "http://127.0.0.1:9/"}), Refused, "HTTP 307"),
    ],
)
def test_every_fault_is_told_with_what_to_do_and_without_the_key(reply: Reply, kind: type, says: str) -> None:
    error = failing(reply, timeout=0.4 if reply.parts == [10.0] else 60.0)
    assert type(error) is kind
    assert says in str(error)
    assert "LLM_BASE_URL" in str(error)
    assert KEY not in str(error)
    assert len(str(error)) < 600


@pytest.mark.parametrize(
    "reply", [body({"message": NO_TOOLS}, 400), body({"error": {"message": "tools param requires --jinja flag"}}, 500)]
)
def test_a_server_that_takes_no_tools_is_told_apart(reply: Reply) -> None:
    assert type(failing(reply, TOOLS)) is ToolsRefused
    assert type(failing(reply)) is Refused


def test_a_server_that_is_not_there_is_named() -> None:
    with kept_port() as port:
        url = f"http://127.0.0.1:{port}"
        with pytest.raises(Unreachable, match=f"LLM_BASE_URL={url} is not there"):
            said(url)


@pytest.mark.parametrize(
    "fault", [Reply(status=503), Reply(status=429, headers={"Retry-After": "0"}), Reply(ends="reset")]
)
def test_a_server_that_is_busy_is_asked_again(fault: Reply) -> None:
    with serving(in_order([fault, fault, vllm("at last")])) as server:
        assert said(server.url)[1].text == "at last"
        assert len(server.asked) == 3


def test_attempts_are_bounded_and_an_answer_that_has_begun_is_asked_for_once() -> None:
    with serving(lambda _: Reply(status=503)) as server, pytest.raises(Refused, match="HTTP 503"):
        said(server.url)
    assert len(server.asked) == 3
    begun = Reply([event(chunk({"content": "AMD rises to "}))], ends="cut")
    with serving(lambda _: begun) as server:
        _, turn = said(server.url)
    assert (turn.text, turn.is_cut, len(server.asked)) == ("AMD rises to ", True, 1)


@pytest.mark.parametrize("last", [event(chunk({}, "length")), b""])
def test_an_answer_that_ends_early_says_so(last: bytes) -> None:
    with serving(lambda _: Reply([event(chunk({"content": "AMD"})), last])) as server:
        assert said(server.url)[1].is_cut


def test_an_answer_without_end_is_ended() -> None:
    with serving(lambda _: Reply(many(100_000))) as server:
        _, turn = said(server.url)
        assert server.hung_up.wait(60)
    assert turn.is_cut
    assert len(turn.text) == 100_000


def test_a_closed_keep_alive_connection_is_no_trouble() -> None:
    async def twice(server: ModelServer) -> list[str]:
        texts = []
        async with Client(endpoint(server.url)) as client:
            for _ in range(2):
                turns = [part async for part in client.turn(MESSAGES) if isinstance(part, Turn)]
                texts.append(turns[0].text)
        return texts

    closing = Reply(vllm("hello").parts, framing="close")
    with serving(lambda _: closing) as server:
        assert asyncio.run(twice(server)) == ["hello", "hello"]


def test_leaving_early_closes_the_stream() -> None:
    async def leave(server: ModelServer) -> str:
        async with Client(endpoint(server.url)) as client, aclosing(client.turn(MESSAGES)) as parts:
            async for part in parts:
                return str(part)
        return ""

    slow = Reply([event(chunk({"content": "first"})), 20.0, event(chunk({"content": "second"}))])
    with serving(lambda _: slow) as server:
        assert asyncio.run(leave(server)) == "first"
        assert server.hung_up.wait(60)


def test_cancelling_closes_the_stream() -> None:
    async def cancel(server: ModelServer) -> None:
        async def read() -> None:
            async with Client(endpoint(server.url)) as client:
                async for _ in client.turn(MESSAGES):
                    got.set()

        got = asyncio.Event()
        task = asyncio.create_task(read())
        await got.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    slow = Reply([event(chunk({"content": "first"})), 20.0])
    with serving(lambda _: slow) as server:
        asyncio.run(cancel(server))
        assert server.hung_up.wait(60)


def test_slow_tokens_are_waited_for() -> None:
    parts, pause = tuple(vllm("one two three").parts), 0.2
    with serving(lambda _: Reply([each for part in parts for each in (pause, part)])) as server:
        # Much longer than one pause, and not as long as all of them.
        assert said(server.url, timeout=pause * (len(parts) - 1))[1].text == "one two three"


def test_a_server_elsewhere_is_asked_by_way_of_the_proxy_unless_it_is_exempted(proxied: pytest.MonkeyPatch) -> None:
    with serving(lambda _: vllm(TEXT, ())) as proxy:
        proxied.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        streamed, _ = said("http://model.invalid/v1")
        assert streamed == TEXT
        proxied.setenv("NO_PROXY", "model.invalid")
        assert endpoint("http://model.invalid/v1").proxy is None


def test_a_server_on_this_machine_is_asked_directly_and_a_proxy_that_is_away_is_named(
    proxied: pytest.MonkeyPatch,
) -> None:
    proxied.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving(lambda _: vllm(TEXT, ())) as server:
        assert said(server.url)[0] == TEXT
    with pytest.raises(Unreachable, match=r"by way of the proxy that HTTPS_PROXY .* NO_PROXY"):
        said("http://model.invalid/v1", attempts=1)
    proxied.setenv("HTTP_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(NotConfigured, match="HTTP_PROXY names no HTTP proxy"):
        said("http://model.invalid/v1")
