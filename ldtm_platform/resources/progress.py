"""How far long work has come: a line now and then in a run's log, a bar in a terminal."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from logging import Logger
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


# How often a run's log and its asset tell how it goes inside a part.
NOTE_EVERY_SEC = 10.0


class Pace:
    """Whether it is time to tell again: at once, and then every so many seconds."""

    def __init__(self, every: float = NOTE_EVERY_SEC) -> None:
        self._every, self._next = every, 0.0

    def is_due(self) -> bool:
        """True no more often than that."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every
        return True


class Stage(ABC):
    """One stage's progress."""

    @abstractmethod
    def advance(self, message: str = "") -> None:
        """Another part of the stage is done."""

    @abstractmethod
    def note(self, line: str) -> None:
        """How it goes inside a part; told as often as anybody likes, shown now and then."""

    @abstractmethod
    def say(self, line: str) -> None:
        """A result line that people and scripts read."""


class Progress(dg.ConfigurableResource[Any]):
    """Progress into the run's log: about ten lines a stage, whatever its size."""

    @contextmanager
    def stage(self, log: Logger, name: str, total: int) -> Iterator[Stage]:
        """Follow a stage of `total` parts."""
        yield _LoggedStage(log, name, total)


class TerminalProgress(Progress):
    """Progress as a bar with the time left, on stderr; result lines on stdout unless they are held back."""

    say_lines: bool = True

    @contextmanager
    def stage(self, log: Logger, name: str, total: int) -> Iterator[Stage]:
        """Follow a stage of `total` parts."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[message]}", style="dim"),
        )
        with Bars(*columns, console=_console()) as bars:
            yield _TerminalStage(bars, bars.add_task(name, total=total, message=""), self.say_lines, log, name)


class _LoggedStage(Stage):
    def __init__(self, log: Logger, name: str, total: int) -> None:
        self._log, self._name, self._total = log, name, total
        self._done, self._step = 0, max(1, total // 10)
        self._pace = Pace()

    def advance(self, message: str = "") -> None:
        self._done += 1
        if self._done % self._step == 0 or self._done == self._total:
            self._log.info("%s: %d of %d %s", self._name, self._done, self._total, message)

    def note(self, line: str) -> None:
        if self._pace.is_due():
            self._log.info("%s: %s", self._name, line)

    def say(self, line: str) -> None:
        self._log.info(line)


class _TerminalStage(_LoggedStage):
    """A bar; the run's log, which the UI shows, is told what goes on inside a part all the same."""

    def __init__(self, bars: "Bars", task: "TaskID", say_lines: bool, log: Logger, name: str) -> None:
        super().__init__(log, name, 0)
        self._bars, self._task, self._say_lines = bars, task, say_lines

    def advance(self, message: str = "") -> None:
        self._bars.update(self._task, advance=1, message=message)

    def note(self, line: str) -> None:
        self._bars.update(self._task, message=line)
        super().note(line)

    def say(self, line: str) -> None:
        if self._say_lines:
            print(line, flush=True)


def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)
