"""Ports of this machine for servers that a test starts, or that must not be there."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """A port on which nothing listens but what the test has listen there: the system gives it to nobody else.

    One that were only looked up could be another program's by the time that a server of ours has started. The socket
    that holds it does not listen, and with SO_REUSEADDR, which servers set too, Linux lets them bind beside it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
