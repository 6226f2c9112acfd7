"""One ticker's answer: compared with what is stored, judged, and written in one transaction; or word of why not."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
import psycopg
import sqlalchemy as sa

from ldtm_platform.prices import listing
from ldtm_platform.prices.completeness import missing_sentence, missing_sessions
from ldtm_platform.prices.defects.neighbours import Neighbours
from ldtm_platform.prices.delivery import Delivery, compared
from ldtm_platform.prices.fallback import Refused
from ldtm_platform.prices.outcome import IngestOutcome, State
from ldtm_platform.prices.stored import Stored, StoredMeanwhile, read_stored
from ldtm_platform.prices.writing import Status, write, write_failure
from ldtm_platform.sources.base import BarRequest, MarketDataSource, SourceError, TickerBars

# How often a ticker is compared anew when other ingests of it keep being first.
_ATTEMPTS = 3
# What one ticker's answer may cause that its sentence does not tell: named by type, with its trace in the log.
UNFORESEEN = (
    ArithmeticError,
    LookupError,
    OSError,
    TypeError,
    pl.exceptions.PolarsError,
    sa.exc.SQLAlchemyError,
    psycopg.Error,  # bulk writes go past SQLAlchemy
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What an ingest is to do. market_through: the newest bar that the vendor has of any ticker, where that counts."""

    engine: sa.Engine
    source: MarketDataSource
    since: date
    through: date
    now: datetime
    overlap: int
    neighbours: Neighbours
    market_through: date | None = None

    @property
    def end(self) -> date:
        """The day after the last session that is asked for."""
        return self.through + timedelta(days=1)


def settled(job: Job, answer: TickerBars, stored: Stored) -> IngestOutcome:
    """Store an answer whole or not at all. stored: what it is compared with. A ticker's trouble is not raised."""
    if not job.source.rereads_history and (reason := listing.denied(stored, answer, job.market_through)):
        return failed(job, answer.ticker, reason, "delisted")
    try:
        return _stored_at_last(job, answer, stored)
    except (Refused, SourceError, ValueError) as error:
        return failed(job, answer.ticker, str(error))
    except UNFORESEEN as error:
        log.warning("[ingest] ticker=%s could not be stored", answer.ticker, exc_info=error)
        return failed(job, answer.ticker, f"it could not be stored ({type(error).__name__}: {error})")


def failed(job: Job, ticker: str, reason: str, state: State = "failed") -> IngestOutcome:
    """Leave word that nothing was stored, and why."""
    status = write_failure(
        job.engine,
        ticker,
        source=job.source.name,
        price_basis=job.source.price_basis,
        reason=reason,
        checked_at=job.now,
        state=state,
    )
    return IngestOutcome(
        ticker, state, reason, rows=status.rows, first_date=status.first_date, last_date=status.last_date
    )


def _stored_at_last(job: Job, answer: TickerBars, stored: Stored) -> IngestOutcome:
    for _ in range(_ATTEMPTS):
        try:
            return _written(job, answer.ticker, stored, _delivered(job, answer, stored))
        except StoredMeanwhile:
            stored = read_stored(job.engine, [answer.ticker])[answer.ticker]
            if reason := stored.other_origin(job.source):
                raise Refused(reason) from None
    raise Refused("other ingests of it kept writing at the same time: nothing was stored. Ingest it again")


def _delivered(job: Job, answer: TickerBars, stored: Stored) -> Delivery:
    delivery = _compared(job, answer, stored)
    if delivery.reconciled.needs_full_history:
        start = min(job.since, stored.bars["date"][0])
        (whole,) = job.source.fetch([BarRequest(answer.ticker, start, job.end)])
        delivery = _compared(job, whole, stored)
        if delivery.reconciled.needs_full_history and delivery.reconciled.inferred.is_empty():
            raise Refused(
                f"{job.source.name} sends other prices than are stored, and none for the first bars stored (from "
                f"{stored.bars['date'][0]}): the history would mix two bases. Nothing was stored"
            )
    if delivery.reconciled.contradiction:
        raise Refused(delivery.reconciled.contradiction)
    return delivery


def _compared(job: Job, answer: TickerBars, stored: Stored) -> Delivery:
    return compared(answer, stored, source=job.source, through=job.through, neighbours=job.neighbours)


def _written(job: Job, ticker: str, stored: Stored, delivery: Delivery) -> IngestOutcome:
    status = _status(job, ticker, stored, delivery)
    # First, that a connection which broke here leaves nothing stored that is called failed.
    job.neighbours.add(delivery.otherwise)
    write(job.engine, delivery, before=stored, status=status)
    splits = pl.concat([delivery.actions, delivery.reconciled.inferred]).filter(pl.col("kind") == "split")
    return IngestOutcome(
        ticker,
        status.state,
        status.message,
        rows=status.rows,
        rows_new=delivery.reconciled.new.height,
        rows_changed=delivery.reconciled.restated.height,
        rows_quarantined=delivery.refused.height,
        rows_repaired=delivery.repairs.height,
        splits=splits.join(stored.splits, on="ex_date", how="anti").height,
        first_date=status.first_date,
        last_date=status.last_date,
        source=delivery.source,
    )


def _status(job: Job, ticker: str, stored: Stored, delivery: Delivery) -> Status:
    days = sorted({*stored.bars["date"], *delivery.reconciled.new["date"]})
    halts = stored.halts | set(delivery.actions.filter(pl.col("kind") == "halt")["ex_date"])
    state, missing = _judged(job, ticker, days, halts)
    return Status(
        ticker=ticker,
        source=delivery.source,
        price_basis=job.source.price_basis,
        state=state,
        message="; ".join(filter(None, (missing, delivery.said))),
        first_date=days[0] if days else None,
        last_date=days[-1] if days else None,
        rows=len(days),
        checked_at=job.now,
    )


def _judged(job: Job, ticker: str, days: Sequence[date], halts: set[date]) -> tuple[State, str]:
    if not days:
        return "no_data", f"{job.source.name} has no bars from {job.since} through {job.through}"
    missing = missing_sessions(days, halts, job.through)
    if ended := listing.silent(ticker, days, missing, job.market_through):
        return "delisted", ended
    return ("incomplete" if missing else "ok"), missing_sentence(missing)
