"""One function a subject: what the tables say of it now, as gauges. Instants are seconds since 1970, days UTC.

What was done is counted of all tickers, also of those with simulated prices; what models are worth (skill, champions
without it) leaves those out where others have real ones, as provenance.py has it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time

import polars as pl
import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily

from ldtm_platform.warehouse import reads, remembered, scraped
from ldtm_platform.warehouse.provenance import provenance

_STAGES = {
    "bars": "last_bar",
    "features": "last_feature",
    "training": "trained_through",
    "forecasts": "last_snapshot",
}


def stages(engine: sa.Engine) -> Iterator[GaugeMetricFamily]:
    """How far each stage has come: its newest session, and how many tickers have reached it."""
    frame = reads.freshness(engine)
    newest = _gauge("ldtm_stage_newest_session_timestamp_seconds", "The newest session of a stage", ["stage"])
    current = _gauge("ldtm_stage_tickers_current", "Tickers that are at the stage's newest session", ["stage"])
    for stage, column in _STAGES.items():
        session = frame[column].max()
        if isinstance(session, date):
            newest.add_metric([stage], _seconds(session))
            current.add_metric([stage], frame.filter(pl.col(column) == session).height)
    yield newest
    yield current


def ingest(engine: sa.Engine) -> Iterator[GaugeMetricFamily]:
    """What the last ingest of each ticker found, and when the newest was."""
    frame = reads.ingest_states(engine)
    counts = {"ok": 0, "incomplete": 0, "no_data": 0, "failed": 0} | dict(frame["state"].value_counts().iter_rows())
    yield _labelled("ldtm_tickers", "Tickers by the state of their last ingest", ["state"], counts)
    checked = frame["checked_at"].max()
    if isinstance(checked, datetime):
        yield _gauge("ldtm_last_ingest_timestamp_seconds", "When a ticker was last ingested", (), checked.timestamp())


def targets(engine: sa.Engine) -> Iterator[GaugeMetricFamily]:
    """Snapshots of the newest session, and the targets of all that are open or overdue."""
    yield _gauge("ldtm_snapshots_newest_session", "Snapshots of the newest session", (), reads.signals(engine).height)
    pending = dict(scraped.pending_targets(engine).iter_rows())
    yield _labelled("ldtm_targets_pending", "Targets whose session has no bar yet", ["horizon"], pending)
    overdue = int(reads.overdue_targets(engine)["snapshots"].sum())
    yield _gauge("ldtm_targets_overdue", "Targets that have passed and are not filled", (), overdue)


def skill(engine: sa.Engine) -> Iterator[GaugeMetricFamily]:
    """How official out-of-sample forecasts compare with persistence, by family and horizon."""
    frame = remembered.prediction_skill(engine).filter(pl.col("ratio_to_persistence").is_not_null())
    rows = frame.rows(named=True)
    labels = ["family", "horizon"]
    worth = _gauge("ldtm_forecast_skill", "1 - error / persistence's error; above 0 is better than it", labels)
    low = _gauge("ldtm_forecast_skill_low", "The low end of its 95 % interval; above 0 proves skill", labels)
    scored = _gauge("ldtm_forecasts_scored", "Forecasts that have matured", labels)
    for row in rows:
        worth.add_metric([row["family"], row["horizon"]], row["skill"])
        scored.add_metric([row["family"], row["horizon"]], row["n"])
        if row["skill_low"] is not None:
            low.add_metric([row["family"], row["horizon"]], row["skill_low"])
    yield worth
    yield low
    yield scored


def models(engine: sa.Engine) -> Iterator[GaugeMetricFamily]:
    """Champions, and those whose test part shows no skill."""
    cards = reads.model_cards(engine).filter(pl.col("version").is_not_null())
    total = provenance(engine).poolable(cards)["skill"].str.json_path_match("$.test.total").cast(pl.Float64)
    yield _gauge("ldtm_champions", "Tickers that have a champion", (), cards.height)
    without = int((total <= 0).sum())
    worth = "Champions no better than persistence on their test part, simulated prices left out"
    yield _gauge("ldtm_champions_without_skill", worth, (), without)


def runs(engine: sa.Engine) -> Iterator[GaugeMetricFamily]:
    """The outcomes of the last day's trainings and forecasts, a ticker each."""
    metric = _gauge("ldtm_ticker_runs_24h", "Trainings and forecasts of the last 24 hours", ["mode", "status"])
    for mode, status, count in scraped.runs_of_a_day(engine).iter_rows():
        metric.add_metric([mode, status], count)
    yield metric


def quarantine(engine: sa.Engine) -> Iterator[GaugeMetricFamily]:
    """Rows that vendors sent and that are no bars."""
    counts = dict(reads.quarantined(engine).group_by("reason").agg(pl.col("rows").sum()).sort("reason").iter_rows())
    yield _labelled("ldtm_quarantined_rows", "Refused rows", ["reason"], counts)


def news(engine: sa.Engine) -> Iterator[GaugeMetricFamily]:
    """The newest headline, and when each feed was last read."""
    newest, checked = scraped.news_times(engine).row(0)
    if newest:
        appeared = newest.timestamp()
        yield _gauge("ldtm_newest_headline_timestamp_seconds", "When the newest headline appeared", (), appeared)
    if checked:
        yield _gauge("ldtm_last_news_timestamp_seconds", "When a feed was last read", (), checked.timestamp())


def _gauge(name: str, what: str, labels: Sequence[str] = (), value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value, labels=None if value is not None else labels)


def _labelled(name: str, what: str, labels: Sequence[str], values: Mapping[str, int]) -> GaugeMetricFamily:
    metric = _gauge(name, what, labels)
    for label, value in values.items():
        metric.add_metric([label], value)
    return metric


def _seconds(day: date) -> float:
    return datetime.combine(day, time(), tzinfo=UTC).timestamp()
