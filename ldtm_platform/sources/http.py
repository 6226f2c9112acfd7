"""The one way to a vendor over HTTP: bounded in time, in requests a second and in how often it asks again.

A request is sent at most `attempts` times: after a 429, 500, 502, 503 or 504, a timeout, a broken connection or half a
body, later each time, and never before the vendor's Retry-After has passed. All of it ends within `budget_s` and one
backoff. What asking again cannot mend (401, 403, 404, a redirect) is told at once. Bodies are read whole here, so that
what a caller gets is complete. Keys travel in headers only, redirects are not followed (a header would go along), and a
key that a vendor echoes is blanked out. A proxy is used as HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say; .netrc
is not read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from http import HTTPStatus
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

import httpx
from httpx_retries import Retry, RetryTransport
from pyrate_limiter import Limiter, Rate

from ldtm_platform.sources.proxies import proxy_to
from ldtm_platform.sources.vendor import KeyRefused, Malformed, NotThere, Rejected, Unavailable, Vendor, parsed

WORKERS = 3
MOST_BACKOFF_S = 15.0
MOST_BYTES = 32 * 1024 * 1024
TRY_AGAIN = (429, 500, 502, 503, 504)
# Said of the body as it was sent; what is handed on is decoded.
_OF_THE_TRANSFER = ("content-encoding", "content-length", "transfer-encoding")
# After this many requests in a row that ran out of attempts, the vendor is taken for down and no more are sent.
_DOWN_AFTER = 3

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@cache
def limiter(name: str, base_url: str, requests: int, per_seconds: float) -> Limiter:
    """One a vendor and process: clients that come and go share it."""
    return Limiter(Rate(requests, int(per_seconds * 1000)))


class _Backoff(Retry):
    """Capped apart from Retry-After: max_backoff_wait would cap that too, and ask before the vendor allows it."""

    def backoff_strategy(self) -> float:
        return min(super().backoff_strategy(), MOST_BACKOFF_S)


class _Bounded(httpx.HTTPTransport):
    """One attempt: waits for its turn, reads the whole body, and ends by the request's deadline."""

    def __init__(self, vendor: Vendor, turns: Limiter, proxy: str | None) -> None:
        super().__init__(limits=httpx.Limits(max_connections=WORKERS, keepalive_expiry=30), proxy=proxy)
        self._vendor, self._turns = vendor.name, turns
        told = [secret.get_secret_value() for secret in vendor.headers.values()]
        self._secrets = [secret.encode() for secret in told if secret]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline: float = request.extensions["deadline"]
        if not self._turns.try_acquire("vendor", timeout=self._left(deadline)):
            raise Unavailable(f"{self._vendor}: the wait for a turn was longer than the time for the request")
        left = self._left(deadline)
        limits = request.extensions["timeout"].items()
        request.extensions["timeout"] = {step: min(seconds, left) for step, seconds in limits}
        response = super().handle_request(request)
        try:
            self._refuse_long_wait(response, deadline)
            body = self._body(response, deadline)
        finally:
            response.close()
        kept = {name: value for name, value in response.headers.items() if name not in _OF_THE_TRANSFER}
        # What a vendor sends back of a key would end in an error, or in the quarantine.
        for secret in self._secrets:
            body = body.replace(secret, b"***")
        return httpx.Response(response.status_code, headers=kept, content=body)

    def _refuse_long_wait(self, response: httpx.Response, deadline: float) -> None:
        wait = retry_after(response.headers.get("Retry-After", ""))
        if response.status_code in TRY_AGAIN and wait is not None and wait > self._left(deadline):
            raise Unavailable(
                f"{self._vendor} says HTTP {response.status_code} and to wait {wait:.0f} s: run this again after that"
            )

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Malformed(f"{self._vendor}: the answer is longer than {MOST_BYTES // 1024**2} MiB")
            self._left(deadline)
        return b"".join(parts)

    def _left(self, deadline: float) -> float:
        left = deadline - monotonic()
        if left <= 0:
            raise Unavailable(f"{self._vendor} did not answer in time: try again later")
        return left


def retry_after(said: str) -> float | None:
    """The seconds that a Retry-After asks to wait; None where it says nothing readable."""
    try:
        return Retry().parse_retry_after(said) if said else None
    except ValueError:
        return None


class VendorClient:
    """A connection pool to one vendor; a context manager, safe to share among threads.

    Raises SourceError for a proxy that cannot be one.
    """

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        patience = vendor.patience
        retry = _Backoff(
            total=patience.attempts - 1,
            # The library doubles it before the first wait.
            backoff_factor=patience.backoff_s / 2,
            backoff_jitter=0.5,
            status_forcelist=TRY_AGAIN,
            max_backoff_wait=patience.budget_s,
            total_timeout=patience.budget_s,
        )
        turns = limiter(vendor.name, vendor.base_url, vendor.requests, vendor.per_seconds)
        self._proxy = proxy_to(vendor.base_url)
        self._http = httpx.Client(
            base_url=vendor.base_url,
            headers={"User-Agent": "Mozilla/5.0 (ldtm_platform)", "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(patience.read_s, connect=patience.connect_s),
            transport=RetryTransport(_Bounded(vendor, turns, self._proxy.url if self._proxy else None), retry=retry),
            # The library would mount the environment's proxy beside this transport, without limits and retries, and
            # would send what .netrc holds.
            trust_env=False,
        )
        self._lock, self._unanswered = Lock(), 0

    def __repr__(self) -> str:
        return f"VendorClient({self.vendor.name})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, conditions: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer to a GET: status 200, its body complete; or 304 where conditions (headers) were sent.

        Raises KeyRefused (401, 403), NotThere (404), Unavailable (no answer in time, 429, 5xx, or given up on after
        several requests in a row without an answer), Rejected (any other status) and Malformed (an unreadable body).
        """
        if self._unanswered >= _DOWN_AFTER:
            raise Unavailable(f"{self.vendor.name} was not asked: {_DOWN_AFTER} requests in a row got no answer")
        try:
            response = self._answered(path, params or {}, conditions or {})
        except Unavailable:
            with self._lock:
                self._unanswered += 1
            raise
        with self._lock:
            self._unanswered = 0
        if conditions and response.status_code == HTTPStatus.NOT_MODIFIED:
            return response
        return self._accepted(response)

    def get_json(self, path: str, params: Mapping[str, str] | None = None) -> object:
        """The JSON document at a path. Raises as `get` does; Malformed when it is no JSON."""
        return parsed(self.get(path, params).content, self.vendor.name)

    def _answered(self, path: str, params: Mapping[str, str], conditions: Mapping[str, str]) -> httpx.Response:
        name, patience = self.vendor.name, self.vendor.patience
        keys = {header: secret.get_secret_value() for header, secret in self.vendor.headers.items()}
        try:
            response = self._http.get(
                path,
                # An empty mapping would take away a query that the path has.
                params=params or None,
                headers={**conditions, **keys},
                extensions={"deadline": monotonic() + patience.budget_s},
            )
        except httpx.DecodingError as error:
            raise Malformed(f"{name}: the answer cannot be decompressed") from error
        except httpx.ProxyError as error:
            raise Unavailable(f"{name} was not reached: {self._through()} says {str(error)[:100]!r}") from error
        except httpx.HTTPError as error:
            raise Unavailable(
                f"{name} gave no whole answer in {patience.attempts} attempts ({type(error).__name__}"
                f"{', by way of ' + self._through() if self._proxy else ''}): try again later"
            ) from error
        if response.status_code in TRY_AGAIN:
            raise Unavailable(f"{name} {self._said(response)} in the last of {patience.attempts} attempts: later again")
        return response

    def _through(self) -> str:
        return str(self._proxy or "no proxy")

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        status = response.status_code
        if status == HTTPStatus.OK:
            return response
        said = f"{self.vendor.name} {self._said(response)}"
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise KeyRefused(f"{said}: check the key, and that its plan covers this")
        raise NotThere(said) if status == HTTPStatus.NOT_FOUND else Rejected(said)

    def _said(self, response: httpx.Response) -> str:
        """The status and a readable piece of the body, without keys."""
        text = response.content[:2000].decode("utf-8", "replace")
        quoted = "a page of HTML" if text.lstrip().startswith("<") else " ".join(text.split())[:200]
        return f"says HTTP {response.status_code}" + (f" ({quoted})" if quoted else "")


def in_parallel(asked: Sequence[Asked], ask: Callable[[Asked], Answer]) -> Iterator[Answer]:
    """Each answer as it arrives, by at most WORKERS threads. What `ask` raises is raised here; the rest is dropped."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="vendor")
    try:
        for future in as_completed([pool.submit(ask, one) for one in asked]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
