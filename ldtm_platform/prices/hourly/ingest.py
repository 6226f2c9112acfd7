"""Bring stored hourly bars up to a session, as ../ingest.py does the daily ones: one transaction a ticker.

Every step may be repeated, a ticker's trouble is its own, and only what is missing is asked for. Daily bars come first:
hourly ones are checked against them and carried to raw prices by the splits that came with them.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
import sqlalchemy as sa

from ldtm_platform.prices.bars import BAD_SCHEMA, payload_of
from ldtm_platform.prices.hourly.bars import sort_hours
from ldtm_platform.prices.hourly.compare import Changes, OtherPrices, changes, in_daily_range
from ldtm_platform.prices.hourly.completeness import grids_sentence, short_sentence, short_sessions
from ldtm_platform.prices.hourly.stored import (
    HourlyStatus,
    StoredSessions,
    basis_on_record,
    read_sessions,
    sessions_of,
    write,
    write_status,
    writing,
)
from ldtm_platform.prices.outcome import State
from ldtm_platform.prices.settling import UNFORESEEN
from ldtm_platform.sources.base import BarRequest, SourceError
from ldtm_platform.sources.hourly import HourlySource, TickerHours
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.hourly_reads import hourly_bars

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HourlyOutcome:
    """One ticker's ingest, in the status that it left and how many rows were new, changed, refused and left out.

    left_out: a sentence on good rows that were not kept (early and late trading, another grid); '' for none.
    """

    status: HourlyStatus
    rows_new: int = 0
    rows_changed: int = 0
    rows_quarantined: int = 0
    left_out: str = ""


@dataclass(frozen=True)
class _Job:
    engine: sa.Engine
    source: HourlySource
    since: date
    through: date
    now: datetime
    overlap: int

    def status(self, ticker: str, state: State, message: str, *, grids: str, basis: str | None = None) -> HourlyStatus:
        """What is to be left behind of a ticker; write_status adds what is stored."""
        basis = basis or self.source.price_basis
        return HourlyStatus(ticker, self.source.name, basis, state, message, self.now, grids)


class _Refused(Exception):
    """This ticker's answer may not be stored; the message is for people."""


def ingest_hours(
    engine: sa.Engine,
    source: HourlySource,
    tickers: Sequence[str],
    *,
    since: date,
    through: date,
    now: datetime,
    overlap: int = 10,
    run_id: str | None = None,
) -> Iterator[HourlyOutcome]:
    """Bring each ticker's hourly bars from `since` up to the session `through`, inclusive; one outcome each.

    Asked for: everything when nothing is stored or the source rereads its history; else from the earliest session that
    lacks bars, or `overlap` sessions before the last; nothing of a ticker whose daily bars are those of a delisted one.
    No bar is stored that became known after `now`. Raises ValueError when since is after through, and SourceError when
    the source gives nothing at all.
    """
    if since > through:
        raise ValueError(f"nothing to ingest: the range begins on {since}, after its end on {through}")
    job = _Job(engine, source, since, through, now, overlap)
    before = read_sessions(engine, tickers)
    gone = {ticker: stored.delisted for ticker, stored in before.items() if stored.delisted}
    for ticker, reason in gone.items():
        yield _logged(_left_behind(job, ticker, "delisted", reason), run_id)
    asked = [_request(job, ticker, stored) for ticker, stored in before.items() if ticker not in gone]
    for answer in source.fetch(asked):
        yield _logged(_ingested(job, answer, before[answer.ticker]), run_id)


def _logged(outcome: HourlyOutcome, run_id: str | None) -> HourlyOutcome:
    status = outcome.status
    log.info(
        "[ingest_hours] ticker=%s state=%s new=%d changed=%d quarantined=%d run=%s %s",
        *(status.ticker, status.state, outcome.rows_new, outcome.rows_changed, outcome.rows_quarantined),
        run_id,
        status.message,
    )
    return outcome


def _request(job: _Job, ticker: str, stored: StoredSessions) -> BarRequest:
    end = job.through + timedelta(days=1)
    days = stored.sessions["date"].to_list()
    if not days or job.source.rereads_history:
        return BarRequest(ticker, job.since, end)
    lacking = short_sessions(stored.sessions, stored.halts, job.through)["date"].to_list()
    start = min([days[max(0, len(days) - 1 - job.overlap)], *lacking[:1]])
    return BarRequest(ticker, max(job.since, start), end)


def _ingested(job: _Job, answer: TickerHours, before: StoredSessions) -> HourlyOutcome:
    try:
        if answer.error:
            raise _Refused(answer.error)
        return _written(job, answer, before)
    except (_Refused, OtherPrices, SourceError, ValueError) as error:
        return _left_behind(job, answer.ticker, "failed", str(error))
    except UNFORESEEN as error:
        log.warning("[ingest_hours] ticker=%s could not be stored", answer.ticker, exc_info=error)
        return _left_behind(job, answer.ticker, "failed", f"it could not be stored ({type(error).__name__}: {error})")


def _written(job: _Job, answer: TickerHours, before: StoredSessions) -> HourlyOutcome:
    ticker = answer.ticker
    with writing(job.engine, ticker) as connection:
        if reason := _other_basis(job, basis_on_record(connection, ticker)):
            raise _Refused(reason)
        sent = sort_hours(answer.bars, sessions_of(connection, ticker), job.now)
        changed, strays = _compared(job, ticker, sent.good)
        refused = pl.concat([sent.bad.with_columns(pl.col("ticker").fill_null(ticker)), strays])
        write(connection, changed, refused, source=job.source.name, checked_at=job.now)
        sessions = sessions_of(connection, ticker)
        status = write_status(connection, _judged(job, ticker, sessions, before.halts))
    left_out = ", ".join(f"{count} {why}" for why, count in sent.left_out.items())
    return HourlyOutcome(status, changed.new, changed.restated.height, refused.height, left_out)


def _other_basis(job: _Job, stored: str | None) -> str | None:
    if stored in (None, job.source.price_basis):
        return None
    return (
        f"its hourly bars came in {stored} prices, and {job.source.name} sends {job.source.price_basis} ones: a series "
        "never mixes the two. Go on with the former source (LDTM_HOURLY, LDTM_PRICE_BASIS), or start with an empty "
        "database (DB_NAME)"
    )


def _compared(job: _Job, ticker: str, good: pl.DataFrame) -> tuple[Changes, pl.DataFrame]:
    """What is to be written, and the rows that are refused because the daily bars do not know their prices."""
    daily = reads.bars(job.engine, [ticker])
    if daily.is_empty():
        raise _Refused("it has no daily bars, and hourly ones are checked against those: `ldtm ingest` brings both")
    splits = reads.splits(job.engine, [ticker])
    raw, strays = in_daily_range(good, daily, splits, job.source.price_basis)
    (first,) = good.select(pl.col("date").min()).row(0)
    stored = hourly_bars(job.engine, [ticker], since=first or job.since)
    reason = "the close is outside the range of the day's daily bar"
    refused = [(row["ticker"], row["date"], reason, payload_of(row)) for row in strays.iter_rows(named=True)]
    return changes(stored, raw), pl.DataFrame(refused, schema=BAD_SCHEMA, orient="row")


def _judged(job: _Job, ticker: str, sessions: pl.DataFrame, halts: frozenset[date]) -> HourlyStatus:
    short = short_sessions(sessions, halts, job.through)
    state: State = "incomplete" if short.height else "ok"
    message = short_sentence(short)
    if sessions.is_empty():
        state, message = "no_data", f"{job.source.name} has no hourly bars from {job.since} through {job.through}"
    return job.status(ticker, state, message, grids=grids_sentence(sessions))


def _left_behind(job: _Job, ticker: str, state: State, reason: str) -> HourlyOutcome:
    """Word of an ingest that stored nothing."""
    with writing(job.engine, ticker) as connection:
        # The basis of what is stored stays on record: it guards it against the next attempt.
        basis = basis_on_record(connection, ticker)
        grids = grids_sentence(sessions_of(connection, ticker))
        return HourlyOutcome(write_status(connection, job.status(ticker, state, reason, grids=grids, basis=basis)))
