"""A language model's server on this machine: real HTTP, scripted turns, each server's dialect, and faults."""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit

MODEL = "fake-1"


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def text(self) -> str:
        """All that the model was told."""
        return "\n".join(str(message.get("content")) for message in self.body["messages"])


@dataclass(frozen=True)
class Reply:
    """An answer. parts: bytes to send, or seconds to wait. ends: 'whole', 'cut' (mid-way), 'reset', 'never'.

    framing: 'chunked', or 'close' (HTTP without a length, ended by closing).
    """

    parts: Iterable[bytes | float] = ()
    status: int = 200
    kind: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    ends: str = "whole"
    framing: str = "chunked"


@dataclass(frozen=True)
class Call:
    """A tool call that the fake model makes."""

    name: str
    arguments: Any


Answerer = Callable[[Asked], Reply]


class ModelServer(ThreadingHTTPServer):
    """Answers chats by `answer`, and keeps what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Answerer, *, root: str = "/v1") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.root = answer, root
        self.asked: list[Asked] = []
        self.over, self.hung_up = Event(), Event()
        self.lock = Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is a part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    @property
    def asked_path(self) -> str:
        """The path alone, also where a client asks by way of a proxy and names the whole address."""
        return urlsplit(self.path).path

    def do_GET(self) -> None:
        if self.asked_path == f"{self.server.root}/models":
            self._send(Reply([json.dumps({"data": [{"id": MODEL}]}).encode()], kind="application/json"))
        else:
            self._send(Reply([b"not found"], 404, "text/plain"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.asked_path != f"{self.server.root}/chat/completions":
            self._send(Reply([b'{"detail":"Not Found"}'], 404, "application/json"))
            return
        asked = Asked(self.asked_path, dict(self.headers), body)
        with self.server.lock:
            self.server.asked.append(asked)
        self._send(self.server.answer(asked))

    def _send(self, reply: Reply) -> None:
        try:
            self._write(reply)
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up.set()
            self.close_connection = True

    def _write(self, reply: Reply) -> None:
        if reply.ends == "reset":
            self._reset()
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        chunked = reply.framing == "chunked"
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")))
        self.end_headers()
        for part in reply.parts:
            if isinstance(part, bytes):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked and part else part)
                self.wfile.flush()
            elif self._waited(part):
                return
        if reply.ends == "never":
            self._waited(30)
        if reply.ends != "whole":
            self._reset()
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = self.close_connection or not chunked

    def _waited(self, seconds: float) -> bool:
        """Wait; True when the test is over or the client has hung up meanwhile."""
        end = time.monotonic() + seconds
        self.connection.settimeout(0.02)
        while time.monotonic() < end and not self.server.over.is_set():
            try:
                if self.connection.recv(1, socket.MSG_PEEK) == b"":
                    self.server.hung_up.set()
                    return True
                time.sleep(0.01)
            except TimeoutError:
                continue
            except OSError:
                self.server.hung_up.set()
                return True
        self.connection.settimeout(None)
        return self.server.over.is_set()

    def _reset(self) -> None:
        # Lingering for zero seconds makes closing a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def serving(answer: Answerer, *, root: str = "/v1") -> Iterator[ModelServer]:
    """A server in a thread of its own, gone on leaving."""
    server = ModelServer(answer, root=root)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def in_order(replies: Sequence[Reply]) -> Answerer:
    """Each reply once, then the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def event(body: object, *, newline: str = "\n") -> bytes:
    """One event of a stream."""
    data = body if isinstance(body, str) else json.dumps(body)
    return f"data: {data}{newline}{newline}".encode()


def chunk(delta: Mapping[str, Any] | None, finish: str | None = None) -> dict[str, Any]:
    """A chunk of a streamed completion."""
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
