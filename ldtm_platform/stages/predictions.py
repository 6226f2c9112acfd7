"""Forecast a session for a fleet and write the ledger and the run log, whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl
import sqlalchemy as sa

from ldtm_platform.batches import batches
from ldtm_platform.fleet.predict import NoForecast, predict_fleet
from ldtm_platform.models.base import Forecast, Model, ModelFamily, UnusableWeights
from ldtm_platform.models.persistence import Persistence
from ldtm_platform.models.registry import CHAMPION_FAMILY
from ldtm_platform.models.store import CheckpointDamaged, CheckpointStore
from ldtm_platform.models.warm import WarmModels
from ldtm_platform.stages.histories import delisted_before, read_histories
from ldtm_platform.stages.ledger import Absence, Champion, absence_rows, ledger_rows, run_rows
from ldtm_platform.stages.outcome import Fact
from ldtm_platform.warehouse import reads, writes


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
    without: dict[str, Absence]

    def facts(self) -> dict[str, Fact | dict[str, list[str]]]:
        """The same, to show beside the partition."""
        return {
            "tickers": f"{self.forecast} of {self.asked}",
            "dagster/partition_row_count": self.rows,
            "rows_new": self.rows_new,
            "in_sample": self.in_sample,
            "without_forecast": {ticker: list(absence) for ticker, absence in self.without.items()},
        }


@dataclass
class SessionForecaster:
    """Forecasts sessions one after the other, by the champions of a family; their models stay warm for the next."""

    engine: sa.Engine
    store: CheckpointStore
    family: ModelFamily
    run_id: str | None = None
    warm: WarmModels = field(default_factory=WarmModels)

    def forecast(self, session: date, tickers: Sequence[str]) -> SessionForecast:
        """Forecast every ticker as of a session and append what is new to the ledger, in one transaction.

        Raises NoBarsForSession when none of the tickers has a bar of the session.
        """
        champions = self._champions(session, tickers)
        parts = [self._forecast(session, batch, champions) for batch in batches(tickers)]
        close = {ticker: value for part in parts for ticker, value in part.close.items()}
        if not close:
            raise NoBarsForSession(f"none of {len(tickers)} tickers has features of {session}: ingest, then engineer")
        absent = {ticker: absence for part in parts for ticker, absence in part.absent.items()}
        ended = delisted_before(self.engine, session)
        absent |= {ticker: ("skipped", ended[ticker]) for ticker in absent if ticker in ended}
        made = [forecast for part in parts for forecast in part.made]
        naive = [forecast for part in parts for forecast in part.naive]
        ledger = pl.concat(
            [
                ledger_rows(Persistence.name, session, naive, close, {}),
                ledger_rows(self.family.name, session, made, close, champions),
            ]
        )
        new = self._record(ledger, made, champions, absence_rows(session, absent, self.run_id))
        return SessionForecast(
            session=session,
            asked=len(tickers),
            forecast=len(made),
            rows=ledger.height,
            rows_new=new.height,
            in_sample=sum(champions[each.ticker].in_sample for each in made),
            without=absent,
        )

    def _forecast(self, session: date, tickers: Sequence[str], champions: Mapping[str, Champion]) -> "_Batch":
        family, tomorrow_is_today = self.family, Persistence()
        histories = read_histories(self.engine, tickers, through=session, last=family.window_rows)
        present = [history for history in histories if history.rows and history.through == session]
        models, damaged = self._loaded({each: champions[each] for each in tickers if each in champions})
        results = predict_fleet(family, histories, models, session=session)
        naive = predict_fleet(
            tomorrow_is_today, present, {history.ticker: tomorrow_is_today for history in present}, session=session
        )
        return _Batch(
            close={history.ticker: float(history.frame["close"][-1]) for history in present},
            made=[result for result in results if isinstance(result, Forecast)],
            naive=[result for result in naive if isinstance(result, Forecast)],
            absent={each.ticker: _absence(each) for each in results if isinstance(each, NoForecast)} | damaged,
        )

    def _record(
        self, ledger: pl.DataFrame, made: Sequence[Forecast], champions: Mapping[str, Champion], absences: pl.DataFrame
    ) -> pl.DataFrame:
        """Write a session whole or not at all; returns the ledger's new rows. The run log tells only of those."""
        with self.engine.begin() as connection:
            new = writes.append_predictions(connection, ledger)
            fresh = set(new.filter(pl.col("family") == CHAMPION_FAMILY)["ticker"])
            writes.log_runs(connection, run_rows([e for e in made if e.ticker in fresh], champions, self.run_id))
            writes.log_absences(connection, absences)
        return new

    def _champions(self, session: date, tickers: Sequence[str]) -> dict[str, Champion]:
        rows, asked = reads.champions(self.engine, session, CHAMPION_FAMILY).rows(named=True), set(tickers)
        return {row["ticker"]: Champion(**row) for row in rows if row["ticker"] in asked}

    def _loaded(self, champions: Mapping[str, Champion]) -> tuple[dict[str, Model], dict[str, Absence]]:
        """The champions' models, and why some cannot be used: a damaged file costs its own ticker the forecast."""
        models: dict[str, Model] = {}
        damaged: dict[str, Absence] = {}
        for ticker, champion in champions.items():
            try:
                models[ticker] = self.warm.get(champion.version, self._load)
            except CheckpointDamaged as reason:
                damaged[ticker] = ("failed", str(reason))
            except UnusableWeights as reason:
                damaged[ticker] = ("failed", f"{ticker}: {reason}")
        return models, damaged

    def _load(self, version: str) -> Model:
        return self.family.model(self.store.load(version).weights)


@dataclass(frozen=True)
class _Batch:
    """Of some tickers: the closes of those with a bar of the session, the forecasts of both families, and who has none.

    Who has a bar but no model is among the absent, and forecast by "tomorrow is today" all the same.
    """

    close: Mapping[str, float]
    made: Sequence[Forecast]
    naive: Sequence[Forecast]
    absent: Mapping[str, Absence]


def _absence(result: NoForecast) -> Absence:
    return ("failed" if result.state == "failed" else "skipped", result.message)
