"""The rows that a session's forecasts leave behind: in the ledger, and in the run log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from ldtm_platform.horizons import HORIZONS, targets
from ldtm_platform.models.base import Forecast
from ldtm_platform.sessions import session_open

# The run log's status of a ticker without a forecast, and why there is none.
Absence = tuple[str, str]


@dataclass(frozen=True)
class Champion:
    """Which version forecasts a ticker, and whether it has seen what it would forecast."""

    ticker: str
    version: str
    trained_through: date
    in_sample: bool


def ledger_rows(family: str, forecast: Forecast, close: float, champion: Champion | None) -> pl.DataFrame:
    """The ledger's rows of one forecast, a horizon each; `close` is the session's own.

    Without a champion the family itself is the version. A forecast made after the next session had opened is a replay.
    """
    when = targets(forecast.session)
    return pl.DataFrame(
        {
            "run_date": forecast.session,
            "ticker": forecast.ticker,
            "family": family,
            "model_version": champion.version if champion else family,
            "horizon": list(HORIZONS),
            "target_date": [when[horizon] for horizon in HORIZONS],
            "run_date_close": close,
            "predicted_close": [forecast.closes[horizon] for horizon in HORIZONS],
            "trained_through": champion.trained_through if champion else None,
            "data_hash": forecast.data_hash,
            "price_basis": forecast.session,
            "in_sample": bool(champion and champion.in_sample),
            "is_replay": datetime.now(UTC) >= session_open(when["next_day"]),
        },
        schema_overrides={"trained_through": pl.Date},
    )


def run_rows(forecasts: Sequence[Forecast], champions: Mapping[str, Champion], run_id: str | None) -> pl.DataFrame:
    """The run log's rows of forecasts that were made."""
    rows = [
        {
            "ticker": each.ticker,
            "status": "success",
            "duration_sec": each.duration_sec,
            **{f"{horizon}_close": each.closes[horizon] for horizon in HORIZONS},
            "run_date": each.session,
            "model_version": champions[each.ticker].version,
        }
        for each in forecasts
    ]
    return _logged(rows, run_id)


def absence_rows(session: date, absent: Mapping[str, Absence], run_id: str | None) -> pl.DataFrame:
    """The run log's rows of tickers without a forecast."""
    rows = [
        {"ticker": ticker, "status": status, "duration_sec": 0.0, "run_date": session, "error_msg": message}
        for ticker, (status, message) in absent.items()
    ]
    return _logged(rows, run_id)


def _logged(rows: list[dict[str, object]], run_id: str | None) -> pl.DataFrame:
    schema = {"ticker": pl.String, "status": pl.String, "run_date": pl.Date, "error_msg": pl.String}
    frame = pl.DataFrame(rows) if rows else pl.DataFrame(schema=schema)
    return frame.with_columns(mode=pl.lit("infer"), dagster_run_id=pl.lit(run_id, pl.String))
