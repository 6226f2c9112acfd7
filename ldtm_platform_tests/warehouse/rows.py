"""Rows for the warehouse's tests: bars, predictions and versions with only what a test cares about spelled out."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.horizons import targets
from ldtm_platform.warehouse.bulk import append, upsert
from ldtm_platform.warehouse.tables import corporate_actions, market_data_daily
from ldtm_platform.warehouse.writes import append_predictions, register_version, write_snapshots

WEDNESDAY = date(2026, 4, 22)  # its targets: Thursday 04-23, Monday 04-27, Thursday 05-21
FAMILY = "ldtm"


def store_bars(engine: sa.Engine, ticker: str, closes: Mapping[date, float]) -> None:
    """Flat bars of these closes."""
    frame = pl.DataFrame(
        {"ticker": ticker, "date": list(closes), "close": [float(close) for close in closes.values()]}
    ).with_columns(open=pl.col("close"), high=pl.col("close"), low=pl.col("close"), volume=100, source=pl.lit("test"))
    with engine.begin() as connection:
        upsert(connection, market_data_daily, frame)


def store_action(engine: sa.Engine, ticker: str, ex_date: date, value: float | None, kind: str = "split") -> None:
    """One corporate action."""
    row = {"ticker": ticker, "ex_date": ex_date, "kind": kind, "value": value, "source": "test"}
    with engine.begin() as connection:
        append(connection, corporate_actions, pl.DataFrame([row], schema_overrides={"value": pl.Float64}))


def forecast(ticker: str, closes: Mapping[str, float], *, run_date: date = WEDNESDAY, **facts: object) -> pl.DataFrame:
    """Ledger rows of one ticker: a close per horizon, made by version v1 trained before, unless told otherwise."""
    due = targets(run_date)
    base = {
        "run_date": run_date,
        "ticker": ticker,
        "family": FAMILY,
        "model_version": "v1",
        "run_date_close": 100.0,
        "trained_through": date(2025, 1, 2),
        "data_hash": "h1",
        "price_basis": run_date,
        "in_sample": False,
        "is_replay": False,
    } | facts
    rows = [base | {"horizon": name, "target_date": due[name], "predicted_close": c} for name, c in closes.items()]
    return pl.DataFrame(rows)


def store_snapshot(engine: sa.Engine, ticker: str, next_day: float, one_month: float, **facts: object) -> None:
    """A snapshot by way of the ledger, as in production."""
    closes = {"next_day": next_day, "next_monday": next_day, "one_month": one_month}
    frame = forecast(ticker, closes, **facts)  # type: ignore[arg-type]
    with engine.begin() as connection:
        append_predictions(connection, frame)
        write_snapshots(connection, run_date=frame["run_date"][0], family=FAMILY)


def store_version(engine: sa.Engine, version: str, trained_through: date, *, ticker: str = "AAPL") -> None:
    """A registered model version."""
    manifest = {
        "version": version,
        "family": FAMILY,
        "ticker": ticker,
        "trained_through": trained_through,
        "skill": {"val": {"total": -0.1}},
    }
    with engine.begin() as connection:
        register_version(connection, manifest)


def features_of(ticker: str, closes: Mapping[date, float], factors: list[float]) -> pl.DataFrame:
    """Feature rows whose every feature is the close."""
    values = [float(close) for close in closes.values()]
    return pl.DataFrame(
        {"ticker": ticker, "date": list(closes)} | dict.fromkeys(FEATURES, values) | {"split_factor": factors}
    )


def query(engine: sa.Engine, statement: str, **parameters: object) -> list[dict[str, Any]]:
    """All rows of a statement."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(statement), parameters).mappings()]
