"""Forecast a session for a fleet and write the ledger and the run log, whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import polars as pl
import sqlalchemy as sa

from ldtm_platform.fleet.predict import predict_fleet
from ldtm_platform.fleet.results import NoForecast
from ldtm_platform.horizons import HORIZONS, targets
from ldtm_platform.models.base import Forecast
from ldtm_platform.models.persistence import Persistence
from ldtm_platform.models.registry import CHAMPION_FAMILY, model_family
from ldtm_platform.models.store import CheckpointDamaged, CheckpointStore
from ldtm_platform.sessions import session_open
from ldtm_platform.stages.histories import read_histories
from ldtm_platform.stages.outcome import type_of_fact
from ldtm_platform.warehouse import reads, writes


@dataclass(frozen=True)
class Champion:
    """Which version forecasts a ticker, and whether it has seen what it would forecast."""

    ticker: str
    version: str
    trained_through: date
    in_sample: bool


class NoBarsForSession(RuntimeError):
    """No ticker has a bar of the session: there is nothing to forecast from."""


@dataclass(frozen=True)
class SessionForecast:
    """What became of a session: how many were forecast, their rows and the new ones in the ledger, who was not and why.

    rows counts those of "tomorrow is today" too.
    """

    session: date
    asked: int
    forecast: int
    rows: int
    rows_new: int
    in_sample: int
    without: dict[str, str]

    def facts(self) -> dict[str, type_of_fact | list[str]]:
        """The same, to show beside the partition."""
        return {
            "tickers": f"{self.forecast} of {self.asked}",
            "dagster/partition_row_count": self.rows,
            "rows_new": self.rows_new,
            "in_sample": self.in_sample,
            "without_forecast": [f"{ticker}: {why}" for ticker, why in self.without.items()],
        }


@dataclass
class SessionForecaster:
    """Forecasts sessions one after the other, keeping each checkpoint that it has loaded and verified."""

    engine: sa.Engine
    store: CheckpointStore
    run_id: str | None = None
    _weights: dict[str, bytes] = field(default_factory=dict)

    def forecast(self, session: date, tickers: Sequence[str]) -> SessionForecast:
        """Forecast every ticker as of a session and append what is new to the ledger, in one transaction.

        Raises NoBarsForSession when none of the tickers has a bar of the session.
        """
        family = model_family(CHAMPION_FAMILY)
        histories = read_histories(self.engine, tickers, through=session, last=family.window_rows)
        present = [history for history in histories if history.rows and history.through == session]
        if not present:
            raise NoBarsForSession(f"none of {len(tickers)} tickers has features of {session}: ingest, then engineer")
        champions = self._champions(session, tickers)
        weights, damaged = self._loaded(champions)
        results = predict_fleet(family, histories, weights, session=session)
        forecasts = [result for result in results if isinstance(result, Forecast)]
        baseline = predict_fleet(Persistence(), present, {}, session=session)
        closes = {history.ticker: float(history.frame["close"][-1]) for history in present}
        ledger = [_rows(Persistence.name, each, closes, {}) for each in baseline if isinstance(each, Forecast)]
        ledger += [_rows(family.name, each, closes, champions) for each in forecasts]
        with self.engine.begin() as connection:
            new = writes.append_predictions(connection, pl.concat(ledger))
            fresh = set(new.filter(pl.col("family") == family.name)["ticker"])
            if fresh:
                writes.log_runs(connection, self._log([each for each in forecasts if each.ticker in fresh], champions))
        without = {each.ticker: each.message for each in results if isinstance(each, NoForecast)} | damaged
        in_sample = sum(bool(champions[each.ticker].in_sample) for each in forecasts)
        rows = sum(part.height for part in ledger)
        return SessionForecast(session, len(tickers), len(forecasts), rows, new.height, in_sample, without)

    def _champions(self, session: date, tickers: Sequence[str]) -> dict[str, Champion]:
        rows = reads.champions(self.engine, session, CHAMPION_FAMILY).rows(named=True)
        return {row["ticker"]: Champion(**row) for row in rows if row["ticker"] in tickers}

    def _loaded(self, champions: Mapping[str, Champion]) -> tuple[dict[str, bytes], dict[str, str]]:
        """The champions' weights, and why some cannot be used: a damaged file costs its own ticker the forecast."""
        weights, damaged = {}, {}
        for ticker, champion in champions.items():
            version = champion.version
            try:
                if version not in self._weights:
                    self._weights[version] = self.store.load(version).weights
                weights[ticker] = self._weights[version]
            except CheckpointDamaged as reason:
                damaged[ticker] = str(reason)
        return weights, damaged

    def _log(self, forecasts: Sequence[Forecast], champions: Mapping[str, Champion]) -> pl.DataFrame:
        rows = [
            {
                "ticker": each.ticker,
                "mode": "infer",
                "status": "success",
                "duration_sec": each.duration_sec,
                **{f"{horizon}_close": each.closes[horizon] for horizon in HORIZONS},
                "run_date": each.session,
                "model_version": champions[each.ticker].version,
                "dagster_run_id": self.run_id,
            }
            for each in forecasts
        ]
        return pl.DataFrame(rows, schema_overrides={"dagster_run_id": pl.String})


def _rows(
    family: str, forecast: Forecast, closes: Mapping[str, float], champions: Mapping[str, Champion]
) -> pl.DataFrame:
    """The ledger's rows of one forecast, a horizon each. A replay is made when its first target had opened already."""
    champion = champions.get(forecast.ticker)
    when = targets(forecast.session)
    return pl.DataFrame(
        {
            "run_date": forecast.session,
            "ticker": forecast.ticker,
            "family": family,
            "model_version": champion.version if champion else family,
            "horizon": list(HORIZONS),
            "target_date": [when[horizon] for horizon in HORIZONS],
            "run_date_close": closes[forecast.ticker],
            "predicted_close": [forecast.closes[horizon] for horizon in HORIZONS],
            "trained_through": champion.trained_through if champion else None,
            "data_hash": forecast.data_hash,
            "price_basis": forecast.session,
            "in_sample": bool(champion and champion.in_sample),
            "is_replay": datetime.now(UTC) >= session_open(when["next_day"]),
        },
        schema_overrides={"trained_through": pl.Date},
    )
