"""A vendor's bad day, with every fault in one ingest of 42 tickers, and the run after it that mends all."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import polars as pl
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection
from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.prices.ingest import ingest
from ldtm_platform.prices.outcome import IngestOutcome
from ldtm_platform.sessions import session_open, sessions_between
from ldtm_platform.sources.base import PRICE_COLUMNS, BarRequest
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.sources.yahoo import YahooSource
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, Seen, VendorServer, serving

TICKERS = tuple(f"T{at:03}" for at in range(105) if at % 5 < 2)
START, BEFORE, DAY, TODAY = date(2024, 1, 2), date(2024, 2, 15), date(2024, 2, 16), date(2024, 2, 20)
MARKET = SimulatedSource(seed=3, sectors=dict.fromkeys(TICKERS, "x"), start=START, listings={})
GONE, SPLIT = "T050", "T060"
# What happens to the first requests of these tickers; the last two go on for all attempts.
PASSING = {
    "T005": [Reply(429, b"Edge: Too Many Requests", {"Retry-After": "1"})],
    "T015": [Reply(503), Reply(503)],
    "T025": [Reply(fault="reset")],
    "T035": [Reply(fault="silence")],
}
LASTING = {"T075": [Reply(429, headers={"Retry-After": "3600"})], "T095": [Reply(503)] * 3}
# One request is never answered.
HURRIED = replace(QUICK, attempts=3, read_s=2)


@cache
def body(ticker: str, through: date) -> bytes:
    """The chart on the evening of a session: adjusted for its split if it has one, and with the next day's live bar."""
    (answer,) = MARKET.fetch([BarRequest(ticker, START, TODAY + timedelta(days=1))])
    splits = pl.DataFrame({"ticker": [SPLIT], "ex_date": [DAY], "value": [4.0]})
    own = splits.filter((pl.col("ticker") == ticker) & (pl.col("ex_date") <= through))
    # The simulated market has no split there: what was traded from that day on is a quarter of it.
    divided = pl.col("ticker").eq(SPLIT) & (pl.col("date") >= DAY)
    traded = answer.bars.with_columns(
        *(pl.when(divided).then(pl.col(name) / 4).otherwise(pl.col(name)).alias(name) for name in PRICE_COLUMNS),
        pl.when(divided).then(pl.col("volume") * 4).otherwise(pl.col("volume")).alias("volume"),
    )
    bars = adjusted(traded.filter(pl.col("date") <= TODAY), own, TODAY)
    bars = bars.filter((pl.col("date") <= through) | (pl.col("date") == TODAY))
    stamps = [int(session_open(day).timestamp()) for day in bars["date"]]
    day = int(session_open(DAY).timestamp())
    events = {"splits": {str(day): {"date": day, "numerator": 4, "denominator": 1}}} if own.height else {}
    meta = {"symbol": ticker, "dataGranularity": "1d", "exchangeTimezoneName": "America/New_York"}
    quote = {name: bars[name].to_list() for name in ("open", "high", "low", "close", "volume")}
    result = {"meta": meta, "timestamp": stamps, "events": events, "indicators": {"quote": [quote]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def vendor(through: date, faults: dict[str, list[Reply]]) -> Callable[[Seen], Reply]:
    """A vendor's evening."""
    left = {ticker: list(replies) for ticker, replies in faults.items()}
    gone = b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, may be delisted"}}}'

    def answer(seen: Seen) -> Reply:
        ticker = seen.path.rsplit("/", 1)[1]
        if ticker == GONE and through == DAY:
            return Reply(404, gone)
        if left.get(ticker):
            return left[ticker].pop(0)
        return Reply(body=body(ticker, through))

    return answer


def evening(engine: sa.Engine, server: VendorServer, through: date) -> dict[str, IngestOutcome]:
    source = YahooSource(base_url=server.url, patience=HURRIED, per_second=1000)
    now = datetime(2024, 2, 20, 12, tzinfo=UTC)
    outcomes = ingest(engine, source, TICKERS, since=START, through=through, now=now)
    return {outcome.ticker: outcome for outcome in outcomes}


def tables(engine: sa.Engine) -> list[list[tuple[object, ...]]]:
    statements = (
        "SELECT ticker, date, open, high, low, close, volume, source FROM market_data_daily ORDER BY 1, 2",
        "SELECT ticker, ex_date, kind, value, detected, source FROM corporate_actions ORDER BY 1, 2, 3",
        "SELECT ticker, state, first_date, last_date, rows FROM market_data_status ORDER BY 1",
        "SELECT count(*) FROM market_data_revisions",
        "SELECT count(*) FROM market_data_quarantine",
    )
    with engine.connect() as connection:
        return [[tuple(row) for row in connection.execute(sa.text(statement))] for statement in statements]


def test_a_bad_day_costs_only_the_named_tickers_and_the_next_run_makes_it_a_good_one(
    engine: sa.Engine, server: Connection, template: str
) -> None:
    half = {"T045": [Reply(body=body("T045", DAY), fault="half")]}
    with serving(vendor(BEFORE, {})) as before, serving(vendor(DAY, {**PASSING, **half, **LASTING})) as bad:
        evening(engine, before, BEFORE)
        outcomes = evening(engine, bad, DAY)
        named = {ticker: outcome for ticker, outcome in outcomes.items() if outcome.state == "failed"}
        assert sorted(named) == [GONE, *LASTING]
        assert "may be delisted" in named[GONE].message
        assert "wait 3600 s" in named["T075"].message
        assert "HTTP 503" in named["T095"].message
        assert {outcome.rows_new for ticker, outcome in outcomes.items() if ticker not in named} == {1}
        assert (outcomes[SPLIT].splits, outcomes[SPLIT].rows_changed) == (1, 0)
        again = evening(engine, bad, DAY)
    assert [ticker for ticker, outcome in again.items() if outcome.state == "failed"] == [GONE]
    assert {ticker for ticker, outcome in again.items() if outcome.rows_new} == set(LASTING)
    with scratch_database(server, template) as url, serving(vendor(BEFORE, {})) as before:
        good = sa.create_engine(url)
        evening(good, before, BEFORE)
        with serving(vendor(DAY, {})) as fine:
            evening(good, fine, DAY)
        assert tables(engine) == tables(good)
        good.dispose()


def test_the_market_of_this_test_trades_on_every_session() -> None:
    (answer,) = MARKET.fetch([BarRequest(SPLIT, START, TODAY + timedelta(days=1))])
    assert answer.bars["date"].to_list() == sessions_between(START, TODAY + timedelta(days=1))
