"""Forecast a fleet as of a session: one window per ticker, all in one call. Needs PyTorch only if the family does."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ldtm_platform.models.base import Forecast, History, HistoryError, Model, ModelFamily, TooLittleHistory


@dataclass(frozen=True)
class NoForecast:
    """A ticker without a forecast; no_bar: its history does not end on the session; no_model: it was never trained."""

    ticker: str
    state: Literal["too_little_history", "no_bar", "no_model", "failed"]
    message: str


ForecastResult = Forecast | NoForecast


def predict_fleet(
    family: ModelFamily, histories: Sequence[History], models: Mapping[str, Model], *, session: date
) -> list[ForecastResult]:
    """A result per history, in their order, by each ticker's own model; models stay warm between calls.

    Each forecast is bit-equal whatever else is asked for, and whatever rows the history has before its last window;
    its duration is its share of the call's. Raises ValueError when a history reaches beyond the session: a forecast
    must not see the future.
    """
    if ahead := [history.ticker for history in histories if history.rows and history.through > session]:
        raise ValueError(f"histories reach beyond {session}: {', '.join(ahead)}; read features through that session")
    started = time.perf_counter()
    asked = [_asked(family, history, models.get(history.ticker), session) for history in histories]
    ready = [each for each in asked if not isinstance(each, NoForecast)]
    closes = iter(family.closes_of(ready))
    hashes = iter([recent.data_hash() for _, recent in ready])
    share = (time.perf_counter() - started) / max(1, len(ready))
    return [
        each
        if isinstance(each, NoForecast)
        else Forecast(each[1].ticker, session, next(closes), next(hashes), duration_sec=share)
        for each in asked
    ]


def _asked(
    family: ModelFamily, history: History, model: Model | None, session: date
) -> tuple[Model, History] | NoForecast:
    """The model and the checked rows that it forecasts from; or why it cannot."""
    if model is None:
        return NoForecast(history.ticker, "no_model", f"{history.ticker} has no trained {family.name} model: train it")
    try:
        history.require(family.window_rows)
        if history.through != session:
            message = f"{history.ticker} has no bar on {session}: its last is of {history.through}"
            return NoForecast(history.ticker, "no_bar", message)
        recent = history.tail(family.window_rows)
        recent.check()
    except TooLittleHistory as reason:
        return NoForecast(history.ticker, "too_little_history", str(reason))
    except HistoryError as reason:
        return NoForecast(history.ticker, "failed", str(reason))
    return model, recent
