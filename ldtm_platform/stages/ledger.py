"""The rows that a session's forecasts leave behind: in the ledger, and in the run log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from ldtm_platform.horizons import HORIZONS, targets
from ldtm_platform.models.base import Forecast
from ldtm_platform.sessions import session_open

_LEDGER: pl.Schema = pl.Schema(
    {
        "ticker": pl.String,
        "run_date_close": pl.Float64,
        "model_version": pl.String,
        "trained_through": pl.Date,
        "in_sample": pl.Boolean,
        "data_hash": pl.String,
        "horizon": pl.String,
        "target_date": pl.Date,
        "predicted_close": pl.Float64,
    }
)

# The run log's status of a ticker without a forecast, and why there is none.
Absence = tuple[str, str]


@dataclass(frozen=True)
class Champion:
    """Which version forecasts a ticker, and whether it has seen what it would forecast."""

    ticker: str
    version: str
    trained_through: date
    in_sample: bool


def ledger_rows(
    family: str,
    session: date,
    forecasts: Sequence[Forecast],
    closes: Mapping[str, float],
    champions: Mapping[str, Champion],
) -> pl.DataFrame:
    """The ledger's rows of a session's forecasts, a horizon each; `closes` are the session's own, by ticker.

    A ticker without a champion has the family itself as its version. A forecast made after the next session had opened
    is a replay.
    """
    when = targets(session)
    facts = [
        {
            "ticker": each.ticker,
            "run_date_close": closes[each.ticker],
            "model_version": champion.version if champion else family,
            "trained_through": champion.trained_through if champion else None,
            "in_sample": bool(champion and champion.in_sample),
            "data_hash": each.data_hash,
            "horizon": horizon,
            "target_date": when[horizon],
            "predicted_close": each.closes[horizon],
        }
        for each in forecasts
        for champion in [champions.get(each.ticker)]
        for horizon in HORIZONS
    ]
    return pl.DataFrame(facts, schema=_LEDGER).with_columns(
        run_date=pl.lit(session),
        price_basis=pl.lit(session),
        family=pl.lit(family),
        is_replay=pl.lit(datetime.now(UTC) >= session_open(when["next_day"])),
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
