"""The tables of the warehouse: market data, features, models, predictions and snapshots.

Only shapes and the facts that a row must satisfy belong here. Queries are in reads, views in views, history in
migrations/ (which must agree: see migrate.disagreements). Prices are double precision, instants timestamptz.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.warehouse.columns import facts, flag, instant, key, maybe, one_of, positive, surrogate_key
from ldtm_platform.warehouse.hourly_tables import hourly_tables
from ldtm_platform.warehouse.listing_tables import alias_table
from ldtm_platform.warehouse.repair_tables import repairs_table

PRICE_COLUMNS = ("open", "high", "low", "close")
OPEN_SNAPSHOT = "next_day_actual IS NULL OR next_monday_actual IS NULL OR one_month_actual IS NULL"

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


market_data_daily = sa.Table(
    "market_data_daily",
    metadata,
    key("ticker", sa.Text),
    key("date", sa.Date),
    *facts(sa.Double, *PRICE_COLUMNS),
    *facts(sa.BigInteger, "volume"),
    *facts(sa.Text, "source"),
    instant("ingested_at"),
    positive(*PRICE_COLUMNS),
    sa.CheckConstraint("high >= low", name="high_low"),
    sa.CheckConstraint("volume >= 0", name="volume"),
    sa.Index(None, "date", "volume"),
    comment="Raw bars, each in the price basis of its own date",
)

corporate_actions = sa.Table(
    "corporate_actions",
    metadata,
    key("ticker", sa.Text),
    key("ex_date", sa.Date),
    key("kind", sa.Text),
    *maybe(sa.Double, "value"),
    *facts(sa.Text, "source"),
    flag("detected"),
    instant("seen_at"),
    one_of("kind", "split", "dividend", "halt"),
    sa.CheckConstraint("kind = 'halt' OR (value IS NOT NULL AND value > 0 AND value < 'infinity')", name="value"),
    comment="Splits (new shares per old share), dividends (a share, in dollars) and full-day halts",
)

market_data_revisions = sa.Table(
    "market_data_revisions",
    metadata,
    surrogate_key(),
    *facts(sa.Text, "ticker"),
    *facts(sa.Date, "date"),
    *facts(sa.Text, "kind"),
    *maybe(sa.Double, *(f"old_{name}" for name in PRICE_COLUMNS)),
    *maybe(sa.BigInteger, "old_volume"),
    *maybe(sa.Double, *(f"new_{name}" for name in PRICE_COLUMNS)),
    *maybe(sa.BigInteger, "new_volume"),
    *facts(sa.Text, "source"),
    instant("detected_at"),
    one_of("kind", "restatement"),
    sa.Index(None, "ticker", "date"),
    comment="Bars that a vendor sent again with other values",
)

market_data_quarantine = sa.Table(
    "market_data_quarantine",
    metadata,
    surrogate_key(),
    *maybe(sa.Text, "ticker"),
    *maybe(sa.Date, "date"),
    *facts(sa.Text, "source", "reason"),
    *facts(JSONB, "payload"),
    *facts(sa.Text, "payload_sha"),
    sa.Column("seen_count", sa.Integer, nullable=False, server_default=sa.text("1")),
    instant("first_seen_at"),
    instant("last_seen_at"),
    sa.UniqueConstraint("payload_sha", "reason"),
    sa.Index(None, "ticker"),
    comment="Rows that a vendor sent and that are no bars, with the reason",
)

market_data_status = sa.Table(
    "market_data_status",
    metadata,
    key("ticker", sa.Text),
    *facts(sa.Text, "source", "price_basis", "state"),
    sa.Column("message", sa.Text, nullable=False, server_default=sa.text("''")),
    *maybe(sa.Date, "first_date", "last_date"),
    sa.Column("rows", sa.Integer, nullable=False, server_default=sa.text("0")),
    instant("checked_at"),
    one_of("price_basis", "raw", "split_adjusted"),
    one_of("state", "ok", "incomplete", "no_data", "failed", "delisted"),
    comment="What the last ingest of each ticker found",
)

ticker_aliases = alias_table(metadata)

market_data_hourly, market_data_hourly_revisions, market_data_hourly_status = hourly_tables(metadata)
market_data_repairs = repairs_table(metadata)

news_headlines = sa.Table(
    "news_headlines",
    metadata,
    key("ticker", sa.Text),
    key("fingerprint", sa.Text),
    *facts(sa.DateTime(timezone=True), "published_at"),
    *facts(sa.Text, "title", "publisher", "url", "feed"),
    instant("fetched_at"),
    sa.CheckConstraint("url ~ '^https?://'", name="url"),
    sa.Index(None, "ticker", "published_at"),
    comment="Headlines about a ticker, each once a day whichever feeds carry it; text without markup",
)

news_feeds = sa.Table(
    "news_feeds",
    metadata,
    key("address", sa.Text),
    *maybe(sa.Text, "etag", "last_modified"),
    instant("checked_at"),
    comment="What each feed said of its version when it was last read",
)

engineered_features = sa.Table(
    "engineered_features",
    metadata,
    key("ticker", sa.Text),
    key("date", sa.Date),
    *facts(sa.Double, *FEATURES),
    *facts(sa.Double, "split_factor"),
    positive("split_factor"),
    comment="The 11 features of each session, in the price basis of that session",
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    key("version", sa.Text),
    *facts(sa.Text, "family", "ticker"),
    *maybe(sa.Date, "trained_through"),
    *maybe(sa.Text, "data_hash", "config_hash", "code_version"),
    *maybe(sa.BigInteger, "seed"),
    *maybe(sa.Integer, "epochs_run", "best_epoch"),
    *maybe(sa.Double, "train_loss", "best_val_loss", "test_loss"),
    *maybe(JSONB(none_as_null=True), "skill"),
    *maybe(sa.Date, "price_basis"),
    *maybe(sa.Text, "weights_sha256", "device"),
    *maybe(sa.Integer, "rows"),
    *maybe(sa.Double, "duration_sec"),
    instant("created_at"),
    *maybe(sa.DateTime(timezone=True), "pruned_at"),
    *maybe(JSONB(none_as_null=True), "windows"),
    sa.Index(None, "ticker", "family", "trained_through"),
    comment="The manifest of every trained model, and since when its files are deleted",
)

model_promotions = sa.Table(
    "model_promotions",
    metadata,
    surrogate_key(),
    *facts(sa.Text, "ticker", "family"),
    sa.Column("version", sa.Text, sa.ForeignKey("model_versions.version"), nullable=False),
    instant("promoted_at"),
    *facts(sa.Text, "reason"),
    sa.Index(None, "ticker", "family", "id"),
    comment="Who was made champion and why; rows are only added, the newest holds",
)

ldtm_predictions = sa.Table(
    "ldtm_predictions",
    metadata,
    surrogate_key(),
    *facts(sa.Date, "run_date"),
    *facts(sa.Text, "ticker", "family", "model_version", "horizon"),
    *facts(sa.Date, "target_date"),
    *facts(sa.Double, "run_date_close", "predicted_close"),
    instant("generated_at"),
    *maybe(sa.Date, "trained_through"),
    *facts(sa.Text, "data_hash"),
    *facts(sa.Date, "price_basis"),
    flag("in_sample"),
    flag("is_late"),
    flag("is_replay"),
    one_of("horizon", "next_day", "next_monday", "one_month"),
    sa.CheckConstraint("target_date > run_date", name="target_date"),
    sa.CheckConstraint("predicted_close > '-infinity' AND predicted_close < 'infinity'", name="finite"),
    positive("run_date_close"),
    sa.UniqueConstraint(
        "run_date", "ticker", "model_version", "horizon", "data_hash", name="ldtm_predictions_once_key"
    ),
    sa.Index(None, "ticker", "target_date"),
    comment="Every prediction of every model version, as it was made; rows are only added",
)

ldtm_run_log = sa.Table(
    "ldtm_run_log",
    metadata,
    surrogate_key(),
    instant("run_at"),
    *facts(sa.Text, "ticker", "mode", "status"),
    *maybe(sa.Double, "duration_sec"),
    *maybe(sa.Integer, "epochs_run"),
    *maybe(sa.Double, "best_val_loss", "next_day_close", "next_monday_close", "one_month_close"),
    *maybe(sa.Text, "error_msg"),
    *maybe(sa.Date, "run_date"),
    *maybe(sa.Text, "model_version", "dagster_run_id"),
    one_of("mode", "train", "infer"),
    one_of("status", "success", "failed", "skipped"),
    sa.Index(None, "ticker", "mode", "id"),
    sa.Index("ldtm_run_log_train_idx", "ticker", "id", postgresql_where=sa.text("mode = 'train'")),
    comment="One row per ticker and run of training or inference",
)

ldtm_daily_snapshots = sa.Table(
    "ldtm_daily_snapshots",
    metadata,
    surrogate_key(),
    *facts(sa.Date, "run_date"),
    *facts(sa.Text, "ticker"),
    instant("generated_at"),
    *maybe(sa.Double, "next_day_close_pred", "next_monday_close_pred", "one_month_close_pred"),
    *maybe(sa.Double, "run_date_close", "next_day_actual"),
    *maybe(sa.Date, "next_day_actual_date"),
    *maybe(sa.Double, "next_day_pct_error"),
    *maybe(sa.Text, "next_day_direction_pred", "next_day_direction_actual"),
    *maybe(sa.Boolean, "next_day_direction_correct"),
    *maybe(sa.Double, "next_monday_actual"),
    *maybe(sa.Date, "next_monday_actual_date"),
    *maybe(sa.Double, "next_monday_pct_error", "one_month_actual"),
    *maybe(sa.Date, "one_month_actual_date"),
    *maybe(sa.Double, "one_month_pct_error"),
    sa.Column("source_run_log_id", sa.BigInteger, sa.ForeignKey("ldtm_run_log.id")),
    *maybe(sa.Date, "next_day_target_date", "next_monday_target_date", "one_month_target_date"),
    *maybe(sa.Text, "model_version"),
    flag("in_sample"),
    flag("is_replay"),
    sa.UniqueConstraint("run_date", "ticker"),
    one_of("next_day_direction_pred", "UP", "DOWN"),
    one_of("next_day_direction_actual", "UP", "DOWN"),
    sa.Index(None, "ticker", "run_date"),
    sa.Index("ldtm_daily_snapshots_open_idx", "ticker", postgresql_where=sa.text(OPEN_SNAPSHOT)),
    comment="The official prediction of each session and what came true, in the price basis of run_date",
)

ldtm_snapshot_revisions = sa.Table(
    "ldtm_snapshot_revisions",
    metadata,
    surrogate_key(),
    *facts(sa.Date, "run_date"),
    *facts(sa.Text, "ticker", "horizon"),
    *maybe(sa.Double, "old_actual", "new_actual"),
    instant("revised_at"),
    one_of("horizon", "next_day", "next_monday", "one_month"),
    sa.Index(None, "run_date", "ticker"),
    comment="Actual closes that were filled and later changed, because the bar or a split did",
)

stage_benchmarks = sa.Table(
    "stage_benchmarks",
    metadata,
    surrogate_key(),
    *facts(sa.Text, "stage", "status", "dagster_run_id"),
    *facts(sa.Integer, "units"),
    *facts(sa.Double, "wall_sec", "cpu_sec", "peak_memory_mib"),
    *maybe(sa.Double, "queue_sec", "gpu_peak_memory_mib"),
    instant("finished_at"),
    one_of("status", "success", "failed"),
    sa.Index(None, "stage", "id"),
    comment="What each stage of each run cost: seconds, processor, memory of the process and its workers",
)
