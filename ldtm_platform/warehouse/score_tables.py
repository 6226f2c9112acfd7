"""The tables of what is derived from forecasts and their record: confidence scores and the TQQQ signal."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ldtm_platform.warehouse.columns import facts, flag, instant, key, maybe, one_of
from ldtm_platform.warehouse.tables import metadata

ldtm_confidence = sa.Table(
    "ldtm_confidence",
    metadata,
    key("run_date", sa.Date),
    key("ticker", sa.Text),
    key("horizon", sa.Text),
    *maybe(sa.Double, "score"),
    *facts(sa.Integer, "evaluated", "replayed"),
    *facts(sa.Double, "evidence"),
    *facts(sa.Integer, "hits", "directions"),
    *maybe(sa.Double, "wilson_low", "wilson_high"),
    *facts(sa.Double, "base_rate", "prior_strength", "p_dir"),
    *maybe(sa.Double, "rel_mae", "rel_mae_log_se"),
    *facts(sa.Double, "p_err", "strength"),
    *maybe(sa.Double, "half_width", "coverage"),
    *facts(sa.Integer, "promises"),
    instant("computed_at"),
    one_of("horizon", "next_day", "next_monday", "one_month"),
    sa.CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    comment="How much the record known that evening says for each forecast; no score: not enough evidence",
)

tqqq_signals = sa.Table(
    "tqqq_signals",
    metadata,
    key("session", sa.Date),
    *facts(sa.Text, "exposure"),
    *maybe(sa.Double, "confidence"),
    flag("is_replay"),
    *facts(JSONB, "summary"),
    instant("generated_at"),
    one_of("exposure", "long TQQQ", "flat", "long SQQQ"),
    comment="The strategy summary of each session, as it was first made; not investment advice",
)
