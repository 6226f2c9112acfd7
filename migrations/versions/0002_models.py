"""Models, predictions and snapshots."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "ldtm_predictions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_date", sa.Date(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("horizon", sa.Text(), nullable=False),
        sa.Column("target_date", sa.Date(), nullable=False),
        sa.Column("run_date_close", sa.Double(), nullable=False),
        sa.Column("predicted_close", sa.Double(), nullable=False),
        sa.Column("generated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("trained_through", sa.Date()),
        sa.Column("data_hash", sa.Text(), nullable=False),
        sa.Column("price_basis", sa.Date(), nullable=False),
        sa.Column("in_sample", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_replay", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "horizon IN ('next_day', 'next_monday', 'one_month')", name="ldtm_predictions_horizon_check"
        ),
        sa.CheckConstraint(
            "predicted_close > '-infinity' AND predicted_close < 'infinity'", name="ldtm_predictions_finite_check"
        ),
        sa.CheckConstraint(
            "run_date_close > 0 AND run_date_close < 'infinity'", name="ldtm_predictions_positive_check"
        ),
        sa.CheckConstraint("target_date > run_date", name="ldtm_predictions_target_date_check"),
        sa.PrimaryKeyConstraint("id", name="ldtm_predictions_pkey"),
        sa.UniqueConstraint(
            "run_date", "ticker", "model_version", "horizon", "data_hash", name="ldtm_predictions_once_key"
        ),
        comment="Every prediction of every model version, as it was made; rows are only added",
    )
    op.create_index("ldtm_predictions_ticker_target_date_idx", "ldtm_predictions", ["ticker", "target_date"])
    op.create_table(
        "ldtm_run_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("duration_sec", sa.Double()),
        sa.Column("epochs_run", sa.Integer()),
        sa.Column("best_val_loss", sa.Double()),
        sa.Column("next_day_close", sa.Double()),
        sa.Column("next_monday_close", sa.Double()),
        sa.Column("one_month_close", sa.Double()),
        sa.Column("error_msg", sa.Text()),
        sa.Column("run_date", sa.Date()),
        sa.Column("model_version", sa.Text()),
        sa.Column("dagster_run_id", sa.Text()),
        sa.CheckConstraint("mode IN ('train', 'infer')", name="ldtm_run_log_mode_check"),
        sa.CheckConstraint("status IN ('success', 'failed', 'skipped')", name="ldtm_run_log_status_check"),
        sa.PrimaryKeyConstraint("id", name="ldtm_run_log_pkey"),
        comment="One row per ticker and run of training or inference",
    )
    op.create_index("ldtm_run_log_ticker_mode_id_idx", "ldtm_run_log", ["ticker", "mode", "id"])
    op.create_table(
        "ldtm_snapshot_revisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_date", sa.Date(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("horizon", sa.Text(), nullable=False),
        sa.Column("old_actual", sa.Double()),
        sa.Column("new_actual", sa.Double()),
        sa.Column("revised_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "horizon IN ('next_day', 'next_monday', 'one_month')", name="ldtm_snapshot_revisions_horizon_check"
        ),
        sa.PrimaryKeyConstraint("id", name="ldtm_snapshot_revisions_pkey"),
        comment="Actual closes that were filled and later changed, because the bar or a split did",
    )
    op.create_index("ldtm_snapshot_revisions_run_date_ticker_idx", "ldtm_snapshot_revisions", ["run_date", "ticker"])
    op.create_table(
        "model_versions",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("trained_through", sa.Date()),
        sa.Column("data_hash", sa.Text()),
        sa.Column("config_hash", sa.Text()),
        sa.Column("code_version", sa.Text()),
        sa.Column("seed", sa.BigInteger()),
        sa.Column("epochs_run", sa.Integer()),
        sa.Column("best_epoch", sa.Integer()),
        sa.Column("train_loss", sa.Double()),
        sa.Column("best_val_loss", sa.Double()),
        sa.Column("test_loss", sa.Double()),
        sa.Column("skill", postgresql.JSONB()),
        sa.Column("price_basis", sa.Date()),
        sa.Column("weights_sha256", sa.Text()),
        sa.Column("device", sa.Text()),
        sa.Column("rows", sa.Integer()),
        sa.Column("duration_sec", sa.Double()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("pruned_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("version", name="model_versions_pkey"),
        comment="The manifest of every trained model, and since when its files are deleted",
    )
    op.create_index(
        "model_versions_ticker_family_trained_through_idx", "model_versions", ["ticker", "family", "trained_through"]
    )
    op.create_table(
        "ldtm_daily_snapshots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_date", sa.Date(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("generated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_day_close_pred", sa.Double()),
        sa.Column("next_monday_close_pred", sa.Double()),
        sa.Column("one_month_close_pred", sa.Double()),
        sa.Column("run_date_close", sa.Double()),
        sa.Column("next_day_actual", sa.Double()),
        sa.Column("next_day_actual_date", sa.Date()),
        sa.Column("next_day_pct_error", sa.Double()),
        sa.Column("next_day_direction_pred", sa.Text()),
        sa.Column("next_day_direction_actual", sa.Text()),
        sa.Column("next_day_direction_correct", sa.Boolean()),
        sa.Column("next_monday_actual", sa.Double()),
        sa.Column("next_monday_actual_date", sa.Date()),
        sa.Column("next_monday_pct_error", sa.Double()),
        sa.Column("one_month_actual", sa.Double()),
        sa.Column("one_month_actual_date", sa.Date()),
        sa.Column("one_month_pct_error", sa.Double()),
        sa.Column("source_run_log_id", sa.BigInteger()),
        sa.Column("next_day_target_date", sa.Date()),
        sa.Column("next_monday_target_date", sa.Date()),
        sa.Column("one_month_target_date", sa.Date()),
        sa.Column("model_version", sa.Text()),
        sa.Column("in_sample", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_replay", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "next_day_direction_actual IN ('UP', 'DOWN')", name="ldtm_daily_snapshots_next_day_direction_actual_check"
        ),
        sa.CheckConstraint(
            "next_day_direction_pred IN ('UP', 'DOWN')", name="ldtm_daily_snapshots_next_day_direction_pred_check"
        ),
        sa.ForeignKeyConstraint(
            ["source_run_log_id"], ["ldtm_run_log.id"], name="ldtm_daily_snapshots_source_run_log_id_fkey"
        ),
        sa.PrimaryKeyConstraint("id", name="ldtm_daily_snapshots_pkey"),
        sa.UniqueConstraint("run_date", "ticker", name="ldtm_daily_snapshots_run_date_ticker_key"),
        comment="The official prediction of each session and what came true, in the price basis of run_date",
    )
    op.create_index("ldtm_daily_snapshots_ticker_idx", "ldtm_daily_snapshots", ["ticker"])
    op.create_table(
        "model_promotions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("promoted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["model_versions.version"], name="model_promotions_version_fkey"),
        sa.PrimaryKeyConstraint("id", name="model_promotions_pkey"),
        comment="Who was made champion and why; rows are only added, the newest holds",
    )
    op.create_index("model_promotions_ticker_family_id_idx", "model_promotions", ["ticker", "family", "id"])


def downgrade() -> None:
    op.drop_table("model_promotions")
    op.drop_table("ldtm_daily_snapshots")
    op.drop_table("model_versions")
    op.drop_table("ldtm_snapshot_revisions")
    op.drop_table("ldtm_run_log")
    op.drop_table("ldtm_predictions")
