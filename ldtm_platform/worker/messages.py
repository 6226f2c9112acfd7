"""What is said over the worker's socket: JSON behind its length, never anything that reading could execute."""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

# A few times what is said of ten thousand tickers.
LONGEST = 16 * 2**20
# Of a path, with the closing zero: sockaddr_un holds 104 bytes on macOS, 108 on Linux.
LONGEST_PATH = 103
_LENGTH = struct.Struct("!I")


class BadMessage(ValueError):
    """What came is no message: too long, cut short, or not what was agreed on."""


class Question(BaseModel):
    """Forecast these tickers as of a session; the prints say by which settings and which code."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    settings: str
    code: str
    session: str
    tickers: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """How the run ended (the fields of cli.reports.RunReport), and the forecasts as `ldtm infer` prints them."""

    report: Mapping[str, Any]
    forecasts: list[dict[str, Any]]


@dataclass(frozen=True)
class Begun:
    """The question was read and is being worked on."""

    begun: bool


@dataclass(frozen=True)
class Declined:
    """The worker leaves it to whoever asked."""

    declined: str


_REPLY: TypeAdapter[Answer | Begun | Declined] = TypeAdapter(Answer | Begun | Declined)


def socket_path(home: Path) -> Path:
    """Where a home's worker listens."""
    return home / "worker.sock"


def fits(path: Path) -> bool:
    """Whether a socket can have that path."""
    return len(str(path).encode()) <= LONGEST_PATH


def send(connection: socket.socket, message: Question | Answer | Begun | Declined) -> None:
    """Send a message whole. Raises OSError when the other side is gone."""
    content = TypeAdapter(type(message)).dump_json(message)
    connection.sendall(_LENGTH.pack(len(content)) + content)


def receive_question(connection: socket.socket) -> Question:
    """The next message, as a question. Raises BadMessage, and OSError."""
    try:
        return Question.model_validate_json(_received(connection))
    except ValidationError as error:
        raise BadMessage(f"this is no question ({error.error_count()} errors)") from None


def receive_reply(connection: socket.socket) -> Answer | Begun | Declined:
    """The next message, as a reply. Raises BadMessage, and OSError."""
    try:
        return _REPLY.validate_json(_received(connection))
    except ValidationError as error:
        raise BadMessage(f"this is no reply ({error.error_count()} errors)") from None


def _received(connection: socket.socket) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > LONGEST:
        raise BadMessage(f"a message of {length:,} bytes is longer than any can be")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(min(count - len(parts), 2**16))
        if not part:
            raise BadMessage(f"the other side ended after {len(parts)} of {count} bytes")
        parts += part
    return bytes(parts)
