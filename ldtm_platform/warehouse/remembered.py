"""Reads that take seconds on years of forecasts, made anew only when something has been written since.

A caller never waits for a second reading: it gets the last one while a thread makes the next. The first one takes its
time; a server begins it when it starts.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import polars as pl
import sqlalchemy as sa

from ldtm_platform.warehouse import reads


def prediction_skill(engine: sa.Engine) -> pl.DataFrame:
    """As reads.prediction_skill, of the moment when a prediction or an ingest was last recorded, or just before."""
    with _guard:
        memory = _memories.setdefault(engine, _Memory())
    return memory.of(reads.prediction_skill, engine)


def begin(engine: sa.Engine) -> threading.Thread:
    """Start the first reading now, so that nobody waits for it later; without a database the first caller reads."""
    thread = threading.Thread(target=_begin, args=(engine,), name="remembered reads", daemon=True)
    thread.start()
    return thread


def _begin(engine: sa.Engine) -> None:
    with suppress(sa.exc.SQLAlchemyError):
        prediction_skill(engine)


@dataclass
class _Memory:
    frame: pl.DataFrame | None = None
    stamp: tuple[object, ...] = ()
    reading: threading.Lock = field(default_factory=threading.Lock)

    def of(self, read: Callable[[sa.Engine], pl.DataFrame], engine: sa.Engine) -> pl.DataFrame:
        """What was read last; read now when there is nothing, and behind the caller's back when it is outdated."""
        stamp = reads.pulse(engine).select("last_prediction", "checked_at", "last_bar").row(0)
        if self.frame is None:
            with self.reading:
                if self.frame is None:
                    self._read(read, engine, stamp)
        elif stamp != self.stamp and self.reading.acquire(blocking=False):
            threading.Thread(target=self._read_and_release, args=(read, engine, stamp), daemon=True).start()
        assert self.frame is not None
        return self.frame

    def _read(self, read: Callable[[sa.Engine], pl.DataFrame], engine: sa.Engine, stamp: tuple[object, ...]) -> None:
        self.frame = read(engine)
        self.stamp = stamp

    def _read_and_release(
        self, read: Callable[[sa.Engine], pl.DataFrame], engine: sa.Engine, stamp: tuple[object, ...]
    ) -> None:
        try:
            # Where it fails, the next caller tries again, and meets the same trouble with its own reads.
            with suppress(sa.exc.SQLAlchemyError):
                self._read(read, engine, stamp)
        finally:
            self.reading.release()


_guard = threading.Lock()
_memories: WeakKeyDictionary[sa.Engine, _Memory] = WeakKeyDictionary()
