"""The model cards say what tomorrow-is-today lost on the same windows, and how many windows each part has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"

_CARDS = """
CREATE VIEW ldtm_model_cards AS
WITH champion AS (
    SELECT DISTINCT ON (c.ticker) c.ticker, c.family, c.version, c.promoted_at, v.trained_through, v.created_at,
           v.epochs_run, v.best_epoch, v.train_loss, v.best_val_loss, v.test_loss, v.skill, v.rows, v.device{of_version}
    FROM model_champions c
    JOIN model_versions v ON v.version = c.version
    WHERE c.family <> 'persistence'
    ORDER BY c.ticker, c.promotion_id DESC
), training AS (
    SELECT DISTINCT ON (ticker) * FROM ldtm_run_log WHERE mode = 'train' ORDER BY ticker, id DESC
)
SELECT ticker, champion.family, champion.version, champion.promoted_at,
       champion.trained_through, champion.created_at AS last_trained_at, champion.epochs_run, champion.best_epoch,
       champion.train_loss, champion.best_val_loss, champion.test_loss, champion.skill, champion.rows AS trained_rows,
       champion.device, training.status AS last_training_status, training.run_at AS last_training_at,
       training.error_msg AS last_training_message,
       inference.duration_sec AS inference_sec, inference.run_at AS last_inference_at,
       signal.run_date AS signal_run_date, signal.implied_1m_return_pct, signal.bucket{of_champion}
FROM champion
FULL JOIN training USING (ticker)
LEFT JOIN LATERAL (
    SELECT run.duration_sec, run.run_at FROM ldtm_run_log run
    WHERE run.ticker = coalesce(champion.ticker, training.ticker) AND run.mode = 'infer' AND run.status = 'success'
    ORDER BY run.id DESC LIMIT 1
) inference ON true
LEFT JOIN LATERAL (
    SELECT s.run_date, s.implied_1m_return_pct, s.bucket FROM ldtm_signals s
    WHERE s.ticker = coalesce(champion.ticker, training.ticker)
    ORDER BY s.run_date DESC LIMIT 1
) signal ON true"""


_PERSISTENCE = """,
       champion.train_loss / nullif(1 - (champion.skill #>> '{train,total}')::float8, 0) AS persistence_train_loss,
       champion.best_val_loss / nullif(1 - (champion.skill #>> '{validation,total}')::float8, 0)
           AS persistence_val_loss,
       champion.test_loss / nullif(1 - (champion.skill #>> '{test,total}')::float8, 0) AS persistence_test_loss,
       champion.windows"""


def upgrade() -> None:
    op.add_column("model_versions", sa.Column("windows", JSONB(none_as_null=True)))
    op.execute("DROP VIEW ldtm_model_cards")
    op.execute(_CARDS.format(of_version=",\n           v.windows", of_champion=_PERSISTENCE))


def downgrade() -> None:
    op.execute("DROP VIEW ldtm_model_cards")
    op.execute(_CARDS.format(of_version="", of_champion=""))
    op.drop_column("model_versions", "windows")
