"""The worker's side of the socket: one question after the other, whatever comes and whoever goes."""

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ldtm_platform.worker.messages import Answer, BadMessage, Begun, Declined, Question, receive_question, send

# Whoever connects says at once what it wants; one that does not must not keep the others waiting.
SILENCE_SEC = 1.0


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A socket at that path that only its owner may use; it takes the place of one that a killed worker left."""
    with socket.socket(socket.AF_UNIX) as server:
        path.unlink(missing_ok=True)
        # The mode is the process's while the socket comes to be: there is no moment at which others could connect.
        before = os.umask(0o177)
        try:
            server.bind(str(path))
        finally:
            os.umask(before)
        mine = path.stat().st_ino
        server.listen()
        try:
            yield server
        finally:
            with suppress(FileNotFoundError):
                if path.stat().st_ino == mine:
                    path.unlink()


def answer_next(
    server: socket.socket, refusal: Callable[[Question], str | None], work: Callable[[Question], Answer]
) -> None:
    """Wait for the next question and answer it, or decline for the reason that `refusal` gives.

    Bad questions and lost askers end their own connection and nothing else; what `work` raises is raised.
    """
    # Ctrl-C ends this wait, but not accept()'s: Polars' handler of SIGINT has that restarted (pola-rs/polars#21739).
    select.select([server], [], [])
    connection, _ = server.accept()
    with connection:
        connection.settimeout(SILENCE_SEC)
        try:
            question = receive_question(connection)
            reason = refusal(question)
            send(connection, Declined(reason) if reason else Begun(begun=True))
        except BadMessage as reason:
            with suppress(OSError):
                send(connection, Declined(str(reason)))
            return
        except OSError:
            return
        if reason is None:
            answer = work(question)
            with suppress(OSError):
                send(connection, answer)
