"""A session that looks like a browser's to a vendor, for a vendor's own package to use: bounded as `http.py` is.

The package asks by it what it likes: charts, and the pages where it gets its cookie. Each request waits its turn and
ends by the deadline of the answer that it is for. A chart is asked for again after a 429 or 5xx, a timeout or a broken
connection, later each time and never before Retry-After has passed; pages are asked for once. A host that gives no
answer several times in a row is not asked again. Bodies beyond MOST_BYTES are refused. Proxies are the environment's.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import uniform
from threading import Lock, local
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from curl_cffi import CurlOpt
from curl_cffi.requests import RequestsError, Response, Session

from ldtm_platform.sources.http import MOST_BACKOFF_S, MOST_BYTES, TRY_AGAIN, limiter, retry_after
from ldtm_platform.sources.vendor import Vendor

_CHART = "/v8/finance/chart/"
_PAGE_S = 10.0
_DOWN_AFTER = 3


class NoAnswer(ConnectionError):
    """The vendor did not answer in time, or is not asked any more; the package takes it for a broken connection."""


class BoundedSession(Session[Response]):
    """A curl session for many threads. vendor.base_url, where given, is asked in place of every host."""

    def __init__(self, vendor: Vendor) -> None:
        limits: dict[Any, Any] = {CurlOpt.MAXFILESIZE_LARGE: MOST_BYTES}  # the library says text; curl takes a number
        super().__init__(impersonate="chrome", max_redirects=10, curl_options=limits)
        self._vendor, self._answer = vendor, local()
        self._turns = limiter(vendor.name, vendor.base_url, vendor.requests, vendor.per_seconds)
        self._lock = Lock()
        self._unanswered: Counter[str] = Counter()

    @contextmanager
    def one_answer(self) -> Iterator[None]:
        """Whatever this thread asks within the block is for one answer, with the time of one."""
        self._answer.deadline = monotonic() + self._vendor.patience.budget_s
        yield

    def request(self, method: Any, url: str, **asked: Any) -> Response:  # type: ignore[override] # noqa: ANN401 - its 30 arguments pass through
        """The answer, whatever its status. Raises NoAnswer, or the library's error for a broken connection."""
        parts = urlsplit(url)
        kind = parts.hostname or ""
        if self._unanswered[kind] >= _DOWN_AFTER:
            raise NoAnswer(f"{kind} was not asked: {_DOWN_AFTER} requests in a row got no answer")
        if self._vendor.base_url:
            url = self._vendor.base_url + url.removeprefix(f"{parts.scheme}://{parts.netloc}")
        attempts = self._vendor.patience.attempts if parts.path.startswith(_CHART) else 1
        try:
            response = self._attempts(method, url, asked, attempts)
        except (OSError, RequestsError):
            with self._lock:
                self._unanswered[kind] += 1
            raise
        self._unanswered[kind] = 0
        return response

    def _attempts(self, method: Any, url: str, asked: dict[str, Any], attempts: int) -> Response:  # noqa: ANN401
        for attempt in range(1, attempts + 1):
            try:
                response = self._once(method, url, asked, page=attempts == 1)
            except RequestsError:
                if attempt == attempts:
                    raise
                wait = 0.0
            else:
                wait = retry_after(response.headers.get("Retry-After") or "") or 0.0
                if response.status_code not in TRY_AGAIN or attempt == attempts or wait > self._left():
                    return response
            backoff = min(self._vendor.patience.backoff_s * 2 ** (attempt - 1), MOST_BACKOFF_S)
            sleep(min(max(wait, backoff * uniform(0.5, 1)), self._left()))
        raise AssertionError("the last attempt returns or raises")

    def _once(self, method: Any, url: str, asked: dict[str, Any], *, page: bool) -> Response:  # noqa: ANN401
        if not self._turns.try_acquire("vendor", timeout=self._left()):
            raise NoAnswer(f"{self._vendor.name}: the wait for a turn was longer than the time for the request")
        patience = self._vendor.patience
        most = min(self._left(), patience.read_s, _PAGE_S if page else patience.read_s)
        return super().request(method, url, **{**asked, "timeout": (min(patience.connect_s, most), most)})

    def _left(self) -> float:
        left: float = self._answer.deadline - monotonic()
        if left <= 0:
            raise NoAnswer(f"{self._vendor.name} did not answer in time: try again later")
        return left
