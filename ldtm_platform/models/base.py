"""What every model family is given and gives back, and the named reasons why one cannot.

A family is one way to forecast. `Persistence` needs no training; a network family (models/network_family.py) is
trained by the fleet engine. Nothing here needs torch.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ldtm_platform.features.feature_set import FEATURES

# One year of sessions: below it, the validation and test parts hold fewer than a dozen one-month labels.
MIN_FEATURE_ROWS = 252


class HistoryError(ValueError):
    """A history cannot be used; the message names the ticker, what is wrong and what to do."""


class TooLittleHistory(HistoryError):
    """A history is too short: a state that passes with time, not a fault."""


class UnusableHistory(HistoryError):
    """A history is malformed: missing columns, days out of order, values that are no numbers."""


class UnusableWeights(ValueError):
    """Weights are not those of this family's network; the message says which part differs."""


@dataclass(frozen=True)
class History:
    """A ticker's feature rows up to a session: date and FEATURES (float64), ascending, in the last date's basis."""

    ticker: str
    frame: pl.DataFrame

    @property
    def through(self) -> date:
        """The last date, whose price basis the rows are in. Raises TooLittleHistory when there is no row."""
        self.require(1)
        last: date = self.frame["date"][-1]
        return last

    @property
    def rows(self) -> int:
        """How many sessions there are."""
        return self.frame.height

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """The features, (rows, 11) in the order of FEATURES; what is missing is nan."""
        # Column by column: a query of Polars would cost more than the forecast.
        return np.stack([self.frame[name].cast(pl.Float64).to_numpy() for name in FEATURES], axis=1)

    @cached_property
    def days(self) -> NDArray[np.int32]:
        """The dates as days since 1970, (rows,). Raises UnusableHistory where one is missing or out of order."""
        dates = self.frame["date"]
        if dates.null_count() == 0:
            days = dates.cast(pl.Int32).to_numpy().astype("<i4")
            if (np.diff(days) > 0).all():
                return days
        raise UnusableHistory(f"{self.ticker}: feature rows are not in ascending order of date, one a day")

    def tail(self, rows: int) -> "History":
        """The last so many rows."""
        return self if self.rows <= rows else History(self.ticker, self.frame.tail(rows))

    def require(self, rows: int) -> None:
        """Raise TooLittleHistory, with a message for people, unless there are as many rows."""
        if not self.rows:
            raise TooLittleHistory(
                f"{self.ticker} has no feature rows, {rows} are needed: `ldtm ingest --ticker {self.ticker}`, then "
                f"`ldtm features --ticker {self.ticker}`"
            )
        if self.rows < rows:
            raise TooLittleHistory(
                f"{self.ticker} has {self.rows} feature rows (the first is {self.frame['date'][0]}), {rows} are "
                "needed: wait for more sessions, or ingest earlier ones"
            )

    def check(self) -> None:
        """Raise UnusableHistory unless columns, order and values are as promised."""
        missing = [name for name in ("date", *FEATURES) if name not in self.frame.columns]
        if missing:
            raise UnusableHistory(f"{self.ticker}: the features lack {', '.join(missing)}; engineer them again")
        _ = self.days
        broken = ~np.isfinite(self.values)
        if broken.any():
            column = int(broken.any(axis=0).argmax())
            dates = self.frame["date"].filter(pl.Series(broken[:, column]))
            raise UnusableHistory(
                f"{self.ticker}: {FEATURES[column]} is no number on {dates[0]} ({len(dates)} such days); "
                "look at the bars before that day, then engineer the features again"
            )

    def data_hash(self, last: int | None = None) -> str:
        """The sha256 of the ticker, dates and values, of the last so many rows where given; equal bits, equal hash."""
        history = self if last is None else self.tail(last)
        digest = hashlib.sha256(f"{self.ticker}|{'|'.join(FEATURES)}|".encode())
        digest.update(history.days.tobytes())
        digest.update(history.values.astype("<f8", copy=False).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Forecast:
    """The closes that a model expects as of a session, per horizon, in that session's price basis.

    data_hash covers exactly the rows that the forecast was made from.
    """

    ticker: str
    session: date
    closes: Mapping[str, float]
    data_hash: str
    duration_sec: float = field(default=0.0, compare=False)


class Model(ABC):
    """A model that is ready to forecast: loaded and checked once, for however many sessions."""

    @abstractmethod
    def closes(self, history: History) -> dict[str, float]:
        """The expected close per horizon after a checked history of at least the family's window_rows."""


class ModelFamily(ABC):
    """One way to forecast the closes of every horizon from a ticker's history."""

    # Without a dash: versions read family-ticker-day-hash.
    name: ClassVar[str]

    @property
    @abstractmethod
    def window_rows(self) -> int:
        """How many of the last rows a forecast is made from."""

    @abstractmethod
    def model(self, weights: bytes) -> Model:
        """The model of these weights; a family that is not trained needs none. Raises UnusableWeights."""

    def closes_of(self, asked: Sequence[tuple[Model, History]]) -> list[dict[str, float]]:
        """What each model of this family expects after its checked history; the same to the last bit as alone."""
        return [model.closes(history) for model, history in asked]
