"""One request to a language model's server: too large an answer ends, too long a wait is refused."""

import ssl
from collections.abc import AsyncIterator
from functools import cache

import httpx
from httpx_retries import Retry

AGAIN = (429, 502, 503, 504)
MOST_BYTES = 16 * 1024 * 1024
LONGEST_WAIT_S = 20.0


class AnswerTooLarge(httpx.ReadError):
    """The server sends more than any answer has."""


class WaitTooLong(Exception):
    """The server asks for a longer wait than anybody has who waits for an answer."""


class _Counted(httpx.AsyncByteStream):
    """A body that ends with an error when it grows too large: a line without an end would never be handed on."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > MOST_BYTES:
                raise AnswerTooLarge(f"more than {MOST_BYTES // 1024**2} MiB")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class Bounded(httpx.AsyncHTTPTransport):
    """A transport whose bodies are bounded, by way of a proxy where one is named."""

    def __init__(self, proxy: str | None = None) -> None:
        super().__init__(verify=_trusted(), proxy=proxy)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once. Raises WaitTooLong."""
        response = await super().handle_async_request(request)
        wait = _retry_after(response) if response.status_code in AGAIN else 0.0
        if wait > LONGEST_WAIT_S:
            await response.aclose()
            raise WaitTooLong(f"says HTTP {response.status_code} and to wait {wait:.0f} s")
        stream = response.stream
        if isinstance(stream, httpx.AsyncByteStream):
            response.stream = _Counted(stream)
        return response


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted, read once a process: it takes a fifth of a second."""
    return httpx.create_ssl_context()


def _retry_after(response: httpx.Response) -> float:
    said = response.headers.get("Retry-After", "")
    try:
        return Retry().parse_retry_after(said) if said else 0.0
    except ValueError:
        return 0.0
