"""What stands in the warehouse, for comparing a database with another, or with itself at another time."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ldtm_platform_tests.warehouse.rows import query

# What a run of the same facts must give again, without what a clock or a sequence makes.
FACTS: Mapping[str, tuple[str, ...]] = {
    "market_data_daily": ("ingested_at",),
    "market_data_hourly": ("ingested_at",),
    "corporate_actions": ("seen_at",),
    "market_data_revisions": ("id", "detected_at"),
    "market_data_repairs": ("repaired_at", "mended_at"),
    "engineered_features": (),
    "model_versions": ("created_at", "duration_sec"),
    "ldtm_predictions": ("id", "generated_at"),
    "ldtm_daily_snapshots": ("id", "generated_at", "source_run_log_id"),
    "ldtm_snapshot_revisions": ("id", "revised_at"),
    "ldtm_confidence": ("computed_at",),
    "tqqq_signals": ("generated_at",),
}


def contents(engine: sa.Engine, table: str) -> list[str]:
    """A table's rows as sorted JSON texts, without ids, instants and durations."""
    drop = "".join(f" - '{column}'" for column in FACTS[table])
    rows = query(engine, f"SELECT (to_jsonb(stored){drop})::text AS row FROM {table} stored ORDER BY 1")
    return [row["row"] for row in rows]


def versions_of_rows(engine: sa.Engine) -> dict[str, Any]:
    """Of every table of FACTS and the promotions: how many rows, and a hash of where and by which write each stands."""
    written = "md5(string_agg(ctid::text || xmin::text, ',' ORDER BY ctid))"
    found = {}
    for table in (*FACTS, "model_promotions"):
        (row,) = query(engine, f"SELECT count(*) AS rows, {written} AS written FROM {table}")
        found[table] = (row["rows"], row["written"])
    return found


def run_log(engine: sa.Engine, *, ticker: str | None = None, mode: str | None = None) -> list[dict[str, Any]]:
    """The rows of the run log, newest first, of one ticker and mode or of all."""
    return query(
        engine,
        "SELECT * FROM ldtm_run_log WHERE ticker = coalesce(:ticker, ticker) AND mode = coalesce(:mode, mode)"
        " ORDER BY id DESC",
        ticker=ticker,
        mode=mode,
    )
