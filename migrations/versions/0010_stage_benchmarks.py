"""What each stage of each run cost."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "stage_benchmarks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("dagster_run_id", sa.Text(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("wall_sec", sa.Double(), nullable=False),
        sa.Column("cpu_sec", sa.Double(), nullable=False),
        sa.Column("peak_memory_mib", sa.Double(), nullable=False),
        sa.Column("queue_sec", sa.Double()),
        sa.Column("gpu_peak_memory_mib", sa.Double()),
        sa.Column("finished_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('success', 'failed')", name="stage_benchmarks_status_check"),
        sa.PrimaryKeyConstraint("id", name="stage_benchmarks_pkey"),
        comment="What each stage of each run cost: seconds, processor, memory of the process and its workers",
    )
    op.create_index("stage_benchmarks_stage_id_idx", "stage_benchmarks", ["stage", "id"])


def downgrade() -> None:
    op.drop_table("stage_benchmarks")
