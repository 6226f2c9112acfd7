"""Statements past their time are cancelled, all by one thread: a timer each would cost more than most of them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

LOOK_SECONDS = 0.25
LONGEST_CANCEL_SECONDS = 5.0


@dataclass
class Deadlines:
    """What is running now and until when. The thread starts with the first statement and sleeps while there is none."""

    _running: dict[object, tuple[float, psycopg.Connection[Any], threading.Event]] = field(default_factory=dict)
    _began: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None
    _sleeps: bool = False

    @contextmanager
    def limited(self, connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
        """Cancel what the connection runs in the block once so many seconds have passed."""
        token, cancelled = object(), threading.Event()
        with self._began:
            self._running[token] = (time.monotonic() + seconds, connection, cancelled)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="statement deadlines", daemon=True)
                self._thread.start()
            elif self._sleeps:
                self._began.notify()
        try:
            yield
        finally:
            with self._began:
                in_time = self._running.pop(token, None) is not None
            if not in_time:
                # A cancel that is on its way must not hit the connection's next statement.
                cancelled.wait(LONGEST_CANCEL_SECONDS)

    def _watch(self) -> None:
        while True:
            with self._began:
                self._sleeps = not self._running
                self._began.wait(None if self._sleeps else LOOK_SECONDS)
                self._sleeps = False
                late = [token for token, (end, *_) in self._running.items() if end <= time.monotonic()]
                overdue = [self._running.pop(token) for token in late]
            for _, connection, cancelled in overdue:
                # A connection that is broken already has nothing to cancel.
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=LONGEST_CANCEL_SECONDS)
                cancelled.set()
