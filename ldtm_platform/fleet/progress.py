"""How far a fleet in training has come, told epoch by epoch: who still trains, the best losses, the time left."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

_SHOWN = 3


@dataclass(frozen=True)
class EpochDone:
    """One more epoch of a ticker: how many it has run, and its best validation loss so far."""

    ticker: str
    epochs_run: int
    best_loss: float


# What is done at one moment: an epoch of one ticker, or of each that is trained in step with it.
Told = list[EpochDone]
Watch = Callable[[Told], None]


def unwatched(_: Told) -> None:
    """Tells nobody."""


@dataclass
class FleetProgress:
    """Counts what is done of a fleet of so many tickers; `clock` is in seconds."""

    tickers: int
    max_epochs: int
    clock: Callable[[], float] = time.monotonic
    _training: dict[str, EpochDone] = field(default_factory=dict)
    _finished: int = 0
    _finished_epochs: int = 0

    def __post_init__(self) -> None:
        self._started = self.clock()

    def epoch(self, done: EpochDone) -> None:
        """A ticker has run another epoch."""
        self._training[done.ticker] = done

    def telling(self, note: Callable[["FleetProgress"], None]) -> Watch:
        """What is told of every epoch, and passes on how the fleet does."""

        def watch(told: Told) -> None:
            for done in told:
                self.epoch(done)
            note(self)

        return watch

    def leave_out(self) -> None:
        """A ticker need not be trained after all."""
        self.tickers -= 1

    def finish(self, ticker: str) -> None:
        """A ticker is done, or cannot be trained."""
        last = self._training.pop(ticker, None)
        self._finished += 1
        self._finished_epochs += last.epochs_run if last else 0

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far, if the others take as many epochs as those that are done did; None before any epoch.

        Before the first ticker is done, the most that it can take.
        """
        running = sum(done.epochs_run for done in self._training.values())
        if not (run := self._finished_epochs + running):
            return None
        each = self._finished_epochs / self._finished if self._finished_epochs else self.max_epochs
        waiting = self.tickers - self._finished - len(self._training)
        left = waiting * each + sum(max(0.0, each - done.epochs_run) for done in self._training.values())
        return (self.clock() - self._started) / run * left

    def facts(self) -> dict[str, int | float]:
        """The same in numbers, to draw over time; a loss and the time left only once there are some."""
        facts: dict[str, int | float] = {
            "still_training": len(self._training),
            "done": self._finished,
            "of": self.tickers,
            "epochs_run": self._finished_epochs + sum(done.epochs_run for done in self._training.values()),
        }
        if self._training:
            facts["best_val_loss"] = min(done.best_loss for done in self._training.values())
        if (left := self.seconds_left) is not None:
            facts["minutes_left"] = left / 60
        return facts

    def __str__(self) -> str:
        """One line for people."""
        left, best = self.seconds_left, sorted(self._training.values(), key=lambda done: done.best_loss)[:_SHOWN]
        losses = ", ".join(f"{done.ticker} {done.best_loss:.4f} after {done.epochs_run}" for done in best)
        parts = [
            f"{len(self._training)} training, {self._finished} of {self.tickers} done",
            *([f"best losses: {losses}"] if losses else []),
            *([] if left is None else [f"about {left / 60:.1f} min left"]),
        ]
        return "; ".join(parts)
