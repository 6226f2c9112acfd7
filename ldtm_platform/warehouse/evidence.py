"""What the confidence score rests on, as Polars frames: forecasts, what came true, and what was promised of them."""

from datetime import date

import polars as pl
import sqlalchemy as sa
from psycopg.sql import SQL, Literal

from ldtm_platform.horizons import HORIZONS
from ldtm_platform.warehouse.frames import Schema, copied

_EVIDENCE = """
SELECT run_date, ticker, run_date_close, is_replay::text,
       next_day_close_pred, next_day_actual, next_day_target_date,
       next_monday_close_pred, next_monday_actual, next_monday_target_date,
       one_month_close_pred, one_month_actual, one_month_target_date
FROM ldtm_daily_snapshots
WHERE NOT in_sample AND run_date_close IS NOT NULL AND run_date BETWEEN {first} AND {last}"""
_EVIDENCE_SCHEMA: Schema = {
    "run_date": pl.Date,
    "ticker": pl.String,
    "run_date_close": pl.Float64,
    "is_replay": pl.Boolean,
    **{
        f"{horizon}_{part}": kind
        for horizon in HORIZONS
        for part, kind in (("close_pred", pl.Float64), ("actual", pl.Float64), ("target_date", pl.Date))
    },
}

_PROMISED = """
SELECT run_date, ticker, horizon, half_width FROM ldtm_confidence
WHERE half_width IS NOT NULL AND run_date BETWEEN {first} AND {last}"""
_PROMISED_SCHEMA: Schema = {
    "run_date": pl.Date,
    "ticker": pl.String,
    "horizon": pl.String,
    "half_width": pl.Float64,
}


def evidence(engine: sa.Engine, first: date, last: date) -> pl.DataFrame:
    """Snapshots that were not made in sample, of the sessions from first to last: forecasts, targets and actuals."""
    return copied(engine, SQL(_EVIDENCE).format(first=Literal(first), last=Literal(last)), _EVIDENCE_SCHEMA)


def promised_half_widths(engine: sa.Engine, first: date, last: date) -> pl.DataFrame:
    """The 80 % half-widths that stand beside forecasts: run_date, ticker, horizon, half_width."""
    return copied(engine, SQL(_PROMISED).format(first=Literal(first), last=Literal(last)), _PROMISED_SCHEMA)
