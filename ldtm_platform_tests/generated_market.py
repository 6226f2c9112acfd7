"""The market and the forecasters behind generated_history: random walks with splits, and forecasts of them."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ldtm_platform.features.engineer import WARMUP_SESSIONS
from ldtm_platform.horizons import HORIZONS, targets_frame
from ldtm_platform.sessions import next_session, session_offset

RETRAINED_EVERY = 21
IN_SAMPLE_SESSIONS = 5
DAILY_VOLATILITY = 0.015
_STEPS = {"next_day": 1.0, "next_monday": 3.0, "one_month": 21.0}

Floats = NDArray[np.float64]
# What a purged split makes of 2,500 feature rows: every head loses what reaches into the next part.
_WINDOWS = json.dumps(
    {
        "train": {"next_day": 1728, "next_monday": 1724, "one_month": 1708, "total": 1728},
        "validation": {"next_day": 369, "next_monday": 365, "one_month": 349, "total": 369},
        "test": {"next_day": 371, "next_monday": 367, "one_month": 350, "total": 371},
    }
)


@dataclass(frozen=True)
class Market:
    """A fleet's prices over `days` (a warm-up, then the sessions) and its forecasts of each of `sessions`.

    walk is each ticker's price on the first day's share count, split_factor the shares that one of those has become:
    both (days, tickers). A bar of day t is walk[t] / split_factor[t].
    """

    tickers: tuple[str, ...]
    sessions: tuple[date, ...]
    days: tuple[date, ...]
    walk: Floats
    split_factor: Floats
    seed: int

    @property
    def warmup(self) -> int:
        """How many days come before the first session."""
        return len(self.days) - len(self.sessions)

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Which bars were never delivered (days, tickers): the last ticker's newest, in a fleet of five or more."""
        absent = np.zeros(self.walk.shape, dtype=np.bool_)
        absent[-1, -1] = len(self.tickers) >= 5
        return absent

    def bars(self) -> pl.DataFrame:
        """The rows of market_data_daily, by date and ticker."""
        rng = np.random.default_rng([self.seed, 1])
        close = self.walk / self.split_factor
        opened = close * np.exp(rng.normal(0, 0.004, close.shape))
        spread = np.exp(np.abs(rng.normal(0, 0.006, close.shape)))
        volume = rng.integers(1_000_000, 50_000_000, close.shape)
        frame = self._grid(self.days).with_columns(
            open=opened.ravel(),
            high=(np.maximum(opened, close) * spread).ravel(),
            low=(np.minimum(opened, close) / spread).ravel(),
            close=close.ravel(),
            volume=volume.ravel(),
            source=pl.lit("generated"),
        )
        return frame.filter(~pl.Series(self.missing.ravel()))

    def splits(self) -> pl.DataFrame:
        """ticker, ex_date and value of every split."""
        at, of = np.nonzero(self.split_factor[1:] != self.split_factor[:-1])
        rows = [
            (self.tickers[k], self.days[t + 1], float(self.split_factor[t + 1, k] / self.split_factor[t, k]))
            for t, k in zip(at, of, strict=True)
        ]
        return pl.DataFrame(rows, schema={"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64}, orient="row")

    def versions(self) -> pl.DataFrame:
        """The rows of model_versions that differ: a model a ticker and month, by ticker and day."""
        rng = np.random.default_rng([self.seed, 3])
        rows = []
        for number, ticker in enumerate(self.tickers):
            for trained in self._trained_through():
                skill = 0.3 * _insight(number) - 0.12 + rng.normal(0, 0.02, 4)
                test = dict(zip((*HORIZONS, "total"), skill.round(4).tolist(), strict=True))
                epochs = int(rng.integers(12, 60))
                rows.append(
                    {
                        "version": _version(ticker, trained),
                        "ticker": ticker,
                        "trained_through": trained,
                        "epochs_run": epochs,
                        "best_epoch": epochs - 10,
                        "train_loss": 0.55,
                        "best_val_loss": float(0.71 + rng.normal(0, 0.03)),
                        "test_loss": float(0.74 - skill[3] * 0.6),
                        "skill": json.dumps({"train": {"total": 0.05}, "validation": test, "test": test}),
                        "windows": _WINDOWS,
                        "rows": 2500,
                        "duration_sec": float(8 + rng.random() * 6),
                    }
                )
        return pl.DataFrame(rows)

    def forecasts(self, start: int, end: int) -> pl.DataFrame:
        """One row a ticker and session of sessions[start:end]: closes forecast, targets, and the actuals known by now.

        Columns as in ldtm_daily_snapshots, and session_number and trained_through. Closes are in the session's basis.
        """
        trained = self._trained_through()
        numbers = np.arange(start, end)
        sessions = self.sessions[start:end]
        own = slice(self.warmup + start, self.warmup + end)
        by_session = [trained[number // RETRAINED_EVERY] for number in numbers]
        frame = self._grid(sessions, "run_date").with_columns(
            session_number=np.repeat(numbers, len(self.tickers)),
            trained_through=pl.Series(np.repeat(np.array(by_session, dtype="M8[D]"), len(self.tickers))),
            model_version=pl.Series([_version(ticker, day) for day in by_session for ticker in self.tickers]),
            run_date_close=(self.walk[own] / self.split_factor[own]).ravel(),
        )
        due = targets_frame(sessions[0], next_session(sessions[-1]))
        for horizon in HORIZONS:
            dates = due[horizon].to_list()
            predicted, actual = self._forecast(horizon, dates, own)
            frame = frame.with_columns(
                pl.Series(np.repeat(np.array(dates, dtype="M8[D]"), len(self.tickers))).alias(f"{horizon}_target_date"),
                pl.Series(predicted.ravel()).alias(f"{horizon}_close_pred"),
                pl.Series(actual.ravel()).fill_nan(None).alias(f"{horizon}_actual"),
            )
        frame = frame.with_columns(in_sample=pl.col("trained_through") > pl.col("run_date"))
        return frame.filter(~pl.Series(self.missing[own].ravel()))

    def _forecast(self, horizon: str, dates: Sequence[date], own: slice) -> tuple[Floats, Floats]:
        """The closes forecast and the closes that came, nan where the target is not there yet."""
        rng = np.random.default_rng([self.seed, 2, HORIZONS.index(horizon), own.start])
        place = {day: at for at, day in enumerate(self.days)}
        at = np.array([place.get(day, -1) for day in dates])
        came = np.where((at >= 0)[:, None] & ~self.missing[at], self.walk[at], np.nan)
        expected = DAILY_VOLATILITY * math.sqrt(_STEPS[horizon])
        truth = np.log(came / self.walk[own])
        truth = np.where(np.isnan(truth), rng.normal(0, expected, truth.shape), truth)
        insight = np.array([_insight(number) for number in range(len(self.tickers))])
        said = insight * truth + rng.normal(0, 0.5 * expected, truth.shape)
        basis = self.split_factor[own]
        return self.walk[own] * np.exp(said) / basis, came / basis

    def _trained_through(self) -> list[date]:
        """Through which day each monthly model was trained; the first has seen the first sessions it forecasts."""
        later = [session_offset(day, -1) for day in self.sessions[::RETRAINED_EVERY]][1:]
        return [self.sessions[min(IN_SAMPLE_SESSIONS, len(self.sessions) - 1)], *later]

    def _grid(self, days: Sequence[date], name: str = "date") -> pl.DataFrame:
        column = pl.Series(name, np.repeat(np.array(days, dtype="M8[D]"), len(self.tickers)))
        return pl.DataFrame({"ticker": list(self.tickers) * len(days), name: column})


def generated_market(tickers: Sequence[str], sessions: Sequence[date], seed: int = 0) -> Market:
    """Random walks of the tickers; every eighth splits four for one in the middle of the sessions."""
    rng = np.random.default_rng([seed, 0])
    warmup = [session_offset(sessions[0], -back) for back in range(WARMUP_SESSIONS + 5, 0, -1)]
    days = (*warmup, *sessions)
    steps = rng.normal(0.0003, DAILY_VOLATILITY, (len(days), len(tickers)))
    walk = rng.uniform(20, 400, len(tickers)) * np.exp(np.cumsum(steps, axis=0))
    factor = np.ones_like(walk)
    factor[len(warmup) + len(sessions) // 2 :, ::8] = 4.0
    return Market(tuple(tickers), tuple(sessions), days, walk, factor, seed)


def _insight(number: int) -> float:
    """How much of what comes a ticker's model knows: nothing, but for every tenth."""
    return 0.4 if number % 10 == 3 else 0.0


def _version(ticker: str, trained_through: date) -> str:
    digest = hashlib.sha256(f"{ticker} {trained_through}".encode()).hexdigest()[:8]
    return f"ldtm-{ticker}-{trained_through:%Y%m%d}-{digest}"
