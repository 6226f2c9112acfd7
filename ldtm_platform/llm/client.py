"""A chat with an OpenAI-compatible server over HTTP: streamed turns, bounded in time and size.

Connection trouble and 429, 502, 503, 504 before an answer begins are tried again (backoff, Retry-After); an answer that
has begun is never asked for twice. Leaving a turn early closes its stream, which tells the server to stop. The key
travels in a header only, redirects are not followed, and a key that a server echoes is blanked out.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx
from httpx_retries import Retry, RetryTransport
from httpx_sse import EventSource

from ldtm_platform.llm.assembly import EXPECTED, Assembly, Turn, error_text
from ldtm_platform.llm.endpoint import Endpoint, Nonsense, Refused, TooLong, ToolsRefused, Unreachable
from ldtm_platform.llm.transport import AGAIN, AnswerTooLarge, Bounded, WaitTooLong

_MOST_ERROR = 64_000
_MOST_BACKOFF_S = 8.0
_SIGNS_OF_LENGTH = ("context length", "context size", "context window", "too long", "maximum context", "max_model_len")

_MAY_BE_TOOLS = (400, 404, 422, 500, 501)

Message = Mapping[str, Any]


class Client:
    """A connection pool to one server; an async context manager for the questions of one answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        retry = Retry(
            total=endpoint.attempts - 1,
            allowed_methods=("GET", "POST"),
            status_forcelist=AGAIN,
            retry_on_exceptions=(httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError, httpx.WriteError),
            backoff_factor=endpoint.backoff_s,
            backoff_jitter=0.5,
            max_backoff_wait=_MOST_BACKOFF_S,
        )
        self._http = httpx.AsyncClient(
            headers={"User-Agent": "ldtm_platform", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(endpoint.timeout, connect=endpoint.connect_s),
            transport=RetryTransport(Bounded(endpoint.proxy), retry=retry),
            # A proxy of the environment would be mounted beside this transport: no limits, no retries.
            trust_env=False,
        )
        self._address: str | None = None
        self._model = endpoint.model

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def turn(
        self, messages: Sequence[Message], tools: Sequence[Message] = ()
    ) -> AsyncGenerator[str | Turn, None]:
        """One turn of the model: its text as it comes, and at last the whole Turn.

        Raises Unreachable, Refused (ToolsRefused where it may be the tools, TooLong), Nonsense.
        """
        try:
            body: dict[str, Any] = {"model": await self._named(), "messages": list(messages), "stream": True}
            body |= {"temperature": 0.1, **({"tools": list(tools)} if tools else {})}
            async with AsyncExitStack() as stack:
                response = await self._opened(stack, "POST", "/chat/completions", body)
                if response.status_code != HTTPStatus.OK:
                    raise _refusal(self.endpoint, response.status_code, await _start_of(response), bool(tools))
                async with aclosing(self._pieces(response)) as pieces:
                    async for piece in pieces:
                        yield piece
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except WaitTooLong as error:
            raise Unreachable(f"{self._name} {error}: ask again after that") from error

    async def _opened(self, stack: AsyncExitStack, method: str, path: str, body: object = None) -> httpx.Response:
        """The response to a request, its body unread. Where the first address is not there, the other is asked."""
        secret = self.endpoint.key.get_secret_value() if self.endpoint.key else ""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        tried = (self._address,) if self._address else self.endpoint.addresses
        for address in tried:
            stream = self._http.stream(method, address + path, json=body, headers=headers)
            response = await stack.enter_async_context(stream)
            if response.status_code != HTTPStatus.NOT_FOUND:
                self._address = address
            if response.status_code != HTTPStatus.NOT_FOUND or address == tried[-1]:
                break
        return response

    async def _named(self) -> str:
        """The model's name: the one that is set, or the server's first; a server of one model takes any."""
        if self._model is None:
            async with AsyncExitStack() as stack:
                response = await self._opened(stack, "GET", "/models")
                listed = _parsed(await _start_of(response)) if response.status_code == HTTPStatus.OK else None
            found = listed.get("data") if isinstance(listed, Mapping) else None
            first = found[0].get("id") if isinstance(found, list) and found and isinstance(found[0], Mapping) else None
            self._model = first if isinstance(first, str) else "default"
        return self._model

    async def _pieces(self, response: httpx.Response) -> AsyncGenerator[str | Turn, None]:
        assembly = Assembly(self._name)
        is_ended = False
        try:
            if "json" in response.headers.get("Content-Type", ""):
                await response.aread()
                parsed = _parsed(response.content)
                if parsed is None:
                    raise Nonsense(f"{self._name} calls its answer JSON, and it is none")
                yield assembly.take(parsed)
                is_ended = True
            else:
                async with aclosing(self._events(response)) as events:
                    async for chunk in events:
                        if chunk is None:
                            is_ended = True
                            break
                        if added := assembly.take(chunk):
                            yield added
                        if assembly.is_full:
                            break
        except (httpx.RemoteProtocolError, httpx.ReadError):
            # What has come may be worth reading, but nobody should take it for the whole.
            if not assembly.text:
                raise
        if not assembly.has_any:
            raise Nonsense(f"{self._name} sent an answer without any message in it: {EXPECTED}")
        yield assembly.turn(is_ended=is_ended)

    async def _events(self, response: httpx.Response) -> AsyncGenerator[object, None]:
        """The chunks of a streamed answer; None for its end. Raises Nonsense for what is no such stream."""
        kind = response.headers.get("Content-Type", "")
        if "html" in kind:
            raise Nonsense(f"{self._name} sent a page of HTML: {EXPECTED}")
        # Some servers stream under another name, or under none.
        response.headers["Content-Type"] = "text/event-stream"
        async with aclosing(EventSource(response).aiter_sse()) as events:
            async for event in events:
                if event.data.strip() == "[DONE]":
                    yield None
                elif event.data.strip():
                    chunk = _parsed(event.data)
                    if chunk is None:
                        raise Nonsense(f"{self._name} sent an event that is no JSON: {EXPECTED}")
                    yield chunk

    @property
    def _name(self) -> str:
        return f"the language model's server at LLM_BASE_URL={self.endpoint.base_url}"

    def _unreachable(self, error: httpx.HTTPError) -> Unreachable | Nonsense:
        """What a failure of the transport means to people."""
        if isinstance(error, AnswerTooLarge):
            return Nonsense(f"{self._name} sent {error} for one answer: {EXPECTED}")
        if isinstance(error, httpx.ProxyError) or (self.endpoint.proxy and isinstance(error, httpx.ConnectError)):
            what = "is not reached by way of the proxy that HTTPS_PROXY or HTTP_PROXY names: correct it, or name the "
            what += "server's host in NO_PROXY"
        elif isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            what = "is not there (no connection): start it, or correct LLM_BASE_URL"
        elif isinstance(error, httpx.TimeoutException):
            what = f"did not answer within LLM_TIMEOUT={self.endpoint.timeout:g} s: is the model loaded? Ask again"
        else:
            what = f"broke the connection off ({type(error).__name__}): look at its log, then ask again"
        return Unreachable(f"{self._name} {what}")


def _refusal(endpoint: Endpoint, status: int, start: bytes, with_tools: bool) -> Refused:
    parsed = _parsed(start)
    html = start.lstrip()[:1] == b"<"
    said = (
        error_text(parsed)
        if isinstance(parsed, Mapping)
        else "a page of HTML"
        if html
        else start.decode("utf-8", "replace")
    )
    said = endpoint.blanked(" ".join(said.split())[:300])
    message = f"the server at LLM_BASE_URL={endpoint.base_url} says HTTP {status}" + (f" ({said})" if said else "")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Refused(f"{message}: check LLM_API_KEY")
    if status == HTTPStatus.NOT_FOUND:
        return Refused(f"{message}: check LLM_BASE_URL, and that it has the model LLM_MODEL={endpoint.model or ''}")
    if any(sign in said.lower() for sign in _SIGNS_OF_LENGTH):
        return TooLong(f"{message}: the model's context is too small for the data; give it a larger one")
    if with_tools and status in _MAY_BE_TOOLS:
        return ToolsRefused(message)
    return Refused(f"{message}: look at its log")


async def _start_of(response: httpx.Response) -> bytes:
    start = b""
    async for part in response.aiter_bytes():
        start += part
        if len(start) > _MOST_ERROR:
            break
    return start[:_MOST_ERROR]


def _parsed(text: bytes | str) -> object:
    """The JSON document in a text; None where it is none."""
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed
