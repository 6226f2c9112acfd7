"""A vendor on this machine: a real HTTP server that gives scripted answers, faults included."""

import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from time import monotonic
from urllib.parse import parse_qs, urlsplit

from ldtm_platform.sources.vendor import Patience

# Asks again at once, and waits for an answer as long as a busy machine takes for it.
QUICK = Patience(attempts=2, connect_s=60, read_s=60, budget_s=120, backoff_s=0.02)


@dataclass(frozen=True)
class Reply:
    """One answer. fault: 'reset' (no answer), 'half' (half of the body), 'silence' (until the test is over)."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Seen:
    """A request as it came in; params: each parameter's last value."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    at: float
    connection: int


class VendorServer(ThreadingHTTPServer):
    """Answers by `answer`, and keeps what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Seen], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.over = answer, Event()
        self.seen: list[Seen] = []
        self.lock = Lock()
        self.most_at_once = self.at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: VendorServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        params = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        seen = Seen(parts.path, params, dict(self.headers), monotonic(), self.client_address[1])
        with self.server.lock:
            self.server.seen.append(seen)
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        try:
            self._send(self.server.answer(seen))
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def _send(self, reply: Reply) -> None:
        if reply.fault == "silence":
            self.server.over.wait(20)
        if reply.fault in ("reset", "silence"):
            # Lingering for zero seconds makes closing a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2] if reply.fault == "half" else reply.body)
        self.close_connection = self.close_connection or reply.fault == "half"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def serving(answer: Callable[[Seen], Reply]) -> Iterator[VendorServer]:
    """A server in a thread of its own, gone on leaving."""
    server = VendorServer(answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def in_order(replies: Sequence[Reply]) -> Callable[[Seen], Reply]:
    """Each reply once, then the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
