"""Bring stored bars up to a session: ask, sort, compare with what is stored, write; one transaction a ticker.

Every step may be repeated: a run that was killed leaves whole tickers done and the others untouched, and the next run
asks for what is missing. A ticker's trouble is its own. What is stored, and what was sent, is in memory of one batch of
tickers at a time; what must be known of all the others is asked of the database (defects/neighbours.py).
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import sqlalchemy as sa

from ldtm_platform.batches import batches, has_room
from ldtm_platform.prices import listing
from ldtm_platform.prices.completeness import missing_sessions
from ldtm_platform.prices.defects.neighbours import neighbours
from ldtm_platform.prices.outcome import IngestOutcome
from ldtm_platform.prices.settling import Job, failed, settled
from ldtm_platform.prices.stored import Stored, read_stored
from ldtm_platform.sources.base import BarRequest, MarketDataSource, TickerBars
from ldtm_platform.warehouse import reads

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Quiet:
    """Tickers whose answers end so early that they are judged last, by how far each vendor's bars of others reach.

    answers: a batch of them at most, each with what is stored of its ticker. Of the others there are only names: they
    are asked for again.
    """

    newest: dict[str, date]
    answers: list[tuple[TickerBars, Stored]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def put_off(self, answer: TickerBars, stored: Stored) -> None:
        """Judge it when all the others are in."""
        if has_room(self.answers):
            self.answers.append((answer, stored))
        else:
            self.names.append(answer.ticker)

    def judged(self, job: Job, answer: TickerBars, stored: Stored) -> IngestOutcome:
        """Settle it, knowing what the vendor has of others."""
        vendors = [answer.source] if answer.source else job.source.origins
        newest = max((self.newest[name] for name in vendors if name in self.newest), default=None)
        return settled(replace(job, market_through=newest), answer, stored)


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
    with neighbours(engine) as known:
        job = Job(engine, source, since, through, now, overlap, known)
        for outcome in _outcomes(job, tickers, by_name=by_name):
            _log(outcome, run_id)
            yield outcome


def _outcomes(job: Job, tickers: Sequence[str], *, by_name: bool) -> Iterator[IngestOutcome]:
    quiet = _Quiet(reads.newest_bars(job.engine))
    for batch in batches(tickers):
        yield from _of_batch(job, batch, quiet, by_name=by_name)
    for answer, stored in quiet.answers:
        yield quiet.judged(job, answer, stored)
    for batch in batches(quiet.names):
        before = read_stored(job.engine, batch)
        for answer in _answers(job, before):
            yield quiet.judged(job, answer, before[answer.ticker])


def _of_batch(job: Job, tickers: Sequence[str], quiet: _Quiet, *, by_name: bool) -> Iterator[IngestOutcome]:
    before = read_stored(job.engine, tickers)
    asking = dict(before)
    for ticker, stored in before.items():
        if reason := stored.other_origin(job.source):
            yield failed(job, ticker, reason)
            del asking[ticker]
        elif not (by_name or job.source.rereads_history) and listing.is_resting(stored, job.now):
            yield _left_alone(ticker, stored)
            del asking[ticker]
    for answer in _answers(job, asking):
        stored = before[answer.ticker]
        if listing.is_quiet(answer, stored, job.through):
            quiet.put_off(answer, stored)
            continue
        outcome = settled(job, answer, stored)
        vendor = answer.source or job.source.name
        quiet.newest[vendor] = max(quiet.newest.get(vendor, job.since), outcome.last_date or job.since)
        yield outcome


def _answers(job: Job, asking: dict[str, Stored]) -> Iterator[TickerBars]:
    return job.source.fetch([_request(job, ticker, stored) for ticker, stored in asking.items()])


def _request(job: Job, ticker: str, stored: Stored) -> BarRequest:
    days = stored.bars["date"].to_list()
    if not days or job.source.rereads_history:
        return BarRequest(ticker, job.since, job.end)
    overlap_from = days[max(0, len(days) - 1 - job.overlap)]
    start = min([overlap_from, *missing_sessions(days, stored.halts, job.through)[:1]])
    return BarRequest(ticker, max(job.since, start), job.end)


def _left_alone(ticker: str, stored: Stored) -> IngestOutcome:
    days = stored.bars["date"].to_list()
    return IngestOutcome(ticker, "delisted", stored.message, rows=len(days), first_date=min(days), last_date=max(days))


def _log(outcome: IngestOutcome, run_id: str | None) -> None:
    log.info(
        "[ingest] ticker=%s state=%s new=%d changed=%d repaired=%d quarantined=%d run=%s %s",
        *(outcome.ticker, outcome.state, outcome.rows_new, outcome.rows_changed, outcome.rows_repaired),
        outcome.rows_quarantined,
        run_id,
        outcome.message,
    )
