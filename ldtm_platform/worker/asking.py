"""Ask the home's worker, where there is one that would do what we would; who gets no answer does the work itself."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import date

from ldtm_platform.settings import Settings
from ldtm_platform.worker.agreement import code_print, settings_print
from ldtm_platform.worker.messages import Answer, BadMessage, Begun, Question, fits, receive_reply, send, socket_path

# A worker that is busy for longer is not waited for: doing it here takes about as long.
PATIENCE_SEC = 2.0


def ask(settings: Settings, tickers: Sequence[str], session: date) -> Answer | None:
    """What the worker made of it; None where there is none, it declines, is busy, or dies over it."""
    path = socket_path(settings.home)
    if not fits(path) or not path.is_socket():
        return None
    question = Question(
        settings=settings_print(settings),
        code=code_print(settings.universe),
        session=session.isoformat(),
        tickers=tuple(tickers),
    )
    with suppress(OSError, BadMessage), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_SEC)
        connection.connect(str(path))
        send(connection, question)
        reply = receive_reply(connection)
        if isinstance(reply, Begun):
            # It takes as long as it takes; a worker that dies closes the connection.
            connection.settimeout(None)
            reply = receive_reply(connection)
        return reply if isinstance(reply, Answer) else None
    return None
