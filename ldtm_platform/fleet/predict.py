"""Forecast a fleet as of a session, in one process: one window per ticker."""

import time
from collections.abc import Mapping, Sequence
from datetime import date

from ldtm_platform.fleet.device import one_thread
from ldtm_platform.fleet.results import ForecastResult, NoForecast
from ldtm_platform.models.base import Forecast, History, HistoryError, Model, ModelFamily, TooLittleHistory


def predict_fleet(
    family: ModelFamily, histories: Sequence[History], models: Mapping[str, Model], *, session: date
) -> list[ForecastResult]:
    """A result per history, in their order, by each ticker's own model; models stay warm between calls.

    Each forecast is bit-equal whatever else is asked for, and whatever rows the history has before its last window.
    Raises ValueError when a history reaches beyond the session: a forecast must not see the future.
    """
    if ahead := [history.ticker for history in histories if history.rows and history.through > session]:
        raise ValueError(f"histories reach beyond {session}: {', '.join(ahead)}; read features through that session")
    with one_thread():
        return [_predict(family, history, models.get(history.ticker), session) for history in histories]


def _predict(family: ModelFamily, history: History, model: Model | None, session: date) -> ForecastResult:
    started = time.perf_counter()
    if model is None:
        return NoForecast(history.ticker, "no_model", f"{history.ticker} has no trained {family.name} model: train it")
    try:
        history.require(family.window_rows)
        if history.through != session:
            message = f"{history.ticker} has no bar on {session}: its last is of {history.through}"
            return NoForecast(history.ticker, "no_bar", message)
        recent = history.tail(family.window_rows)
        recent.check()
        closes = model.closes(recent)
    except TooLittleHistory as reason:
        return NoForecast(history.ticker, "too_little_history", str(reason))
    except HistoryError as reason:
        return NoForecast(history.ticker, "failed", str(reason))
    return Forecast(history.ticker, session, closes, recent.data_hash(), time.perf_counter() - started)
