"""Bring stored bars up to a session: ask, sort, compare with what is stored, write; one transaction a ticker.

Every step may be repeated: a run that was killed leaves whole tickers done and the others untouched, and the next run
asks for what is missing. A ticker's trouble is its own.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from ldtm_platform.prices.stored import Status, Stored, StoredMeanwhile, read_stored, write, write_failure
from ldtm_platform.sources.base import BarRequest, MarketDataSource, SourceError, TickerBars
from ldtm_platform.warehouse import reads

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
class _Job:
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
        return self.through + timedelta(days=1)


def ingest(
    engine: sa.Engine,
    source: MarketDataSource,
    tickers: Sequence[str],
    *,
    since: date,
    through: date,
    now: datetime,
    overlap: int = 10,
    run_id: str | None = None,
    by_name: bool = False,
) -> Iterator[IngestOutcome]:
    """Bring each ticker's bars from `since` up to the session `through`, inclusive; one outcome each as it is written.

    Asked for: everything when nothing is stored or the source rereads its history; else from the earliest missing
    session or `overlap` sessions before the last stored one, and the whole history again when that overlap shows that
    older bars were rewritten. A delisted ticker is asked for once in a while, or by_name. `now` is when rows count as
    ingested; run_id goes into the log beside each outcome.
    Raises ValueError when since is after through, and SourceError when the source gives nothing at all.
    """
    if since > through:
        raise ValueError(f"nothing to ingest: the range begins on {since}, after its end on {through}")
    before = read_stored(engine, tickers)
    neighbours = Neighbours(engine, {ticker: stored.bars for ticker, stored in before.items()}, since=since)
    job = _Job(engine, source, since, through, now, overlap, neighbours)
    refused = {ticker: reason for ticker in before if (reason := before[ticker].other_origin(source))}
    for ticker, reason in refused.items():
        yield _logged(_failed(job, ticker, reason), run_id)
    asking = {ticker: stored for ticker, stored in before.items() if ticker not in refused}
    if not (by_name or source.rereads_history):
        resting = [ticker for ticker, stored in asking.items() if listing.is_resting(stored, now)]
        for ticker in resting:
            yield _logged(_left_alone(ticker, asking.pop(ticker)), run_id)
    quiet, newest = [], reads.newest_bars(engine)
    for answer in source.fetch([_request(job, ticker, stored) for ticker, stored in asking.items()]):
        if listing.is_quiet(answer, before[answer.ticker], through):
            quiet.append(answer)
            continue
        outcome = _logged(_ingested(job, answer, before[answer.ticker]), run_id)
        vendor = answer.source or source.name
        newest[vendor] = max(newest.get(vendor, since), outcome.last_date or since)
        yield outcome
    for answer in quiet:
        names = [answer.source] if answer.source else source.origins
        seen = replace(job, market_through=max((newest[name] for name in names if name in newest), default=None))
        yield _logged(_ingested(seen, answer, before[answer.ticker]), run_id)


def _left_alone(ticker: str, stored: Stored) -> IngestOutcome:
    days = stored.bars["date"].to_list()
    return IngestOutcome(ticker, "delisted", stored.message, rows=len(days), first_date=min(days), last_date=max(days))


def _ingested(job: _Job, answer: TickerBars, stored: Stored) -> IngestOutcome:
    if not job.source.rereads_history and (reason := listing.denied(stored, answer, job.market_through)):
        return _failed(job, answer.ticker, reason, "delisted")
    try:
        return _settled(job, answer, stored)
    except (Refused, SourceError, ValueError) as error:
        return _failed(job, answer.ticker, str(error))
    except UNFORESEEN as error:
        log.warning("[ingest] ticker=%s could not be stored", answer.ticker, exc_info=error)
        return _failed(job, answer.ticker, f"it could not be stored ({type(error).__name__}: {error})")


def _settled(job: _Job, answer: TickerBars, stored: Stored) -> IngestOutcome:
    for _ in range(_ATTEMPTS):
        try:
            return _written(job, answer.ticker, stored, _delivered(job, answer, stored))
        except StoredMeanwhile:
            stored = read_stored(job.engine, [answer.ticker])[answer.ticker]
            if reason := stored.other_origin(job.source):
                raise Refused(reason) from None
    raise Refused("other ingests of it kept writing at the same time: nothing was stored. Ingest it again")


def _delivered(job: _Job, answer: TickerBars, stored: Stored) -> Delivery:
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


def _compared(job: _Job, answer: TickerBars, stored: Stored) -> Delivery:
    return compared(answer, stored, source=job.source, through=job.through, neighbours=job.neighbours)


def _written(job: _Job, ticker: str, stored: Stored, delivery: Delivery) -> IngestOutcome:
    reconciled = delivery.reconciled
    days = sorted({*stored.bars["date"], *reconciled.new["date"]})
    halts = stored.halts | set(delivery.actions.filter(pl.col("kind") == "halt")["ex_date"])
    state, missing = _judged(job, ticker, days, halts)
    message = "; ".join(filter(None, (missing, delivery.said)))
    status = Status(
        ticker=ticker,
        source=delivery.source,
        price_basis=job.source.price_basis,
        state=state,
        message=message,
        first_date=days[0] if days else None,
        last_date=days[-1] if days else None,
        rows=len(days),
        checked_at=job.now,
    )
    write(
        job.engine,
        reconciled,
        before=stored,
        named_actions=delivery.actions,
        refused=delivery.refused,
        repairs=delivery.repairs,
        examined_days=delivery.examined_days,
        row_sources=delivery.rows,
        status=status,
    )
    splits = pl.concat([delivery.actions, reconciled.inferred]).filter(pl.col("kind") == "split")
    return IngestOutcome(
        ticker,
        state,
        message,
        rows=len(days),
        rows_new=reconciled.new.height,
        rows_changed=reconciled.restated.height,
        rows_quarantined=delivery.refused.height,
        rows_repaired=delivery.repairs.height,
        splits=splits.join(stored.splits, on="ex_date", how="anti").height,
        first_date=status.first_date,
        last_date=status.last_date,
        source=delivery.source,
    )


def _judged(job: _Job, ticker: str, days: Sequence[date], halts: set[date]) -> tuple[State, str]:
    if not days:
        return "no_data", f"{job.source.name} has no bars from {job.since} through {job.through}"
    missing = missing_sessions(days, halts, job.through)
    if ended := listing.silent(ticker, days, missing, job.market_through):
        return "delisted", ended
    return ("incomplete" if missing else "ok"), missing_sentence(missing)


def _failed(job: _Job, ticker: str, reason: str, state: State = "failed") -> IngestOutcome:
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


def _request(job: _Job, ticker: str, stored: Stored) -> BarRequest:
    days = stored.bars["date"].to_list()
    if not days or job.source.rereads_history:
        return BarRequest(ticker, job.since, job.end)
    overlap_from = days[max(0, len(days) - 1 - job.overlap)]
    start = min([overlap_from, *missing_sessions(days, stored.halts, job.through)[:1]])
    return BarRequest(ticker, max(job.since, start), job.end)


def _logged(outcome: IngestOutcome, run_id: str | None) -> IngestOutcome:
    log.info(
        "[ingest] ticker=%s state=%s new=%d changed=%d repaired=%d quarantined=%d run=%s %s",
        *(outcome.ticker, outcome.state, outcome.rows_new, outcome.rows_changed, outcome.rows_repaired),
        outcome.rows_quarantined,
        run_id,
        outcome.message,
    )
    return outcome
