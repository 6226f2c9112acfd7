"""What readers may see: a schema with one view for each table and view that the reads use, and nothing else.

The views hold no data and are made anew from this list by every upgrade that changes something; a reader's search path
is this schema alone, so that every query of reads.py works unchanged.
"""

import sqlalchemy as sa

READER_SCHEMA = "ldtm_read"

EXPOSED = (
    "market_data_daily",
    "corporate_actions",
    "market_data_revisions",
    "market_data_quarantine",
    "market_data_status",
    "market_data_split_regimes",
    "market_data_repairs",
    "market_data_hourly",
    "market_data_hourly_revisions",
    "market_data_hourly_status",
    "market_data_hourly_grids",
    "ticker_aliases",
    "news_headlines",
    "news_feeds",
    "engineered_features",
    "model_versions",
    "model_promotions",
    "model_champions",
    "ldtm_predictions",
    "ldtm_prediction_errors",
    "ldtm_ended_targets",
    "ldtm_run_log",
    "ldtm_daily_snapshots",
    "ldtm_snapshot_revisions",
    "stage_benchmarks",
    "ldtm_signals",
    "ldtm_errors_30d",
    "ldtm_accuracy_30d",
    "ldtm_model_cards",
    "ldtm_confidence",
    "tqqq_signals",
)

_STALE = """
WITH shape AS (
    SELECT c.relname AS name, c.relnamespace AS schema,
           array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p', 'v', 'm')
    GROUP BY c.oid
), wanted AS (
    SELECT name, columns FROM shape WHERE schema = to_regnamespace(current_schema()) AND name = ANY(:names)
), present AS (
    SELECT name, columns FROM shape WHERE schema = to_regnamespace(:readers)
)
SELECT EXISTS (SELECT 1 FROM wanted FULL JOIN present USING (name, columns)
               WHERE wanted.name IS NULL OR present.name IS NULL)"""


def is_stale(connection: sa.Connection) -> bool:
    """Whether the readers' views differ from the list, or from the tables that they show."""
    return bool(connection.execute(sa.text(_STALE), {"names": list(EXPOSED), "readers": READER_SCHEMA}).scalar_one())


def expose(connection: sa.Connection) -> bool:
    """Make the readers' views as the list says; False, with nothing changed, where this role may not make a schema."""
    if not is_stale(connection):
        return True
    attempt = connection.begin_nested()
    try:
        withdraw(connection)
        connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {READER_SCHEMA}"))
    except sa.exc.ProgrammingError as error:
        attempt.rollback()
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        return False
    schema = connection.execute(sa.select(sa.func.quote_ident(sa.func.current_schema()))).scalar_one()
    for name in EXPOSED:
        connection.execute(sa.text(f"CREATE VIEW {READER_SCHEMA}.{name} AS SELECT * FROM {schema}.{name}"))
    attempt.commit()
    return True


def withdraw(connection: sa.Connection) -> None:
    """Drop the readers' views, as before a migration that may change what they show. The schema and its grants stay."""
    present = connection.execute(
        sa.text("SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = to_regnamespace(:schema)"),
        {"schema": READER_SCHEMA},
    )
    for name in present.scalars().all():
        connection.execute(sa.text(f'DROP VIEW {READER_SCHEMA}."{name}"'))
