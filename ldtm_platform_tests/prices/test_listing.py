"""Delisting as a state: named, asked for rarely, no alarm, its targets ended; and back when bars come back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.prices.ingest import ingest
from ldtm_platform.prices.listing import ASK_AGAIN, DENIED_SESSIONS, SILENT_SESSIONS
from ldtm_platform.prices.outcome import IngestOutcome
from ldtm_platform.sessions import session_offset
from ldtm_platform.sources.base import ACTIONS_SCHEMA, BarRequest, MarketDataSource, TickerBars, no_answer
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform.sources.vendor import Patience
from ldtm_platform.sources.yahoo import YahooSource
from ldtm_platform.stages.outcome import Result
from ldtm_platform.stages.predictions import SessionForecaster
from ldtm_platform.stages.snapshots import fill_back_through, write_session_snapshots
from ldtm_platform.stages.status import platform_status
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.sources.vendor_server import Reply, serving
from ldtm_platform_tests.stages.fleet import bring_up, features, simulated, train

START, LAST = date(2023, 1, 3), date(2024, 6, 28)
FLEET = ("AMGN", "NVDA")
NOW = datetime(2026, 1, 5, 23, tzinfo=UTC)


class Market(MarketDataSource):
    """The simulated market in which NVDA ends on a day; word: what the vendor says of it from then on."""

    name, price_basis = "simulated", "raw"

    def __init__(self, ends: date | None, word: str = "", halts: Sequence[date] = ()) -> None:
        self._market = SimulatedSource(seed=0, sectors=dict.fromkeys(FLEET, "x"), start=START, listings={})
        self._ends, self._word, self._halts = ends, word, halts
        self.asked: list[str] = []

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        self.asked += [request.ticker for request in requests]
        for answer in self._market.fetch(requests):
            if answer.ticker != "NVDA" or self._ends is None:
                yield answer
            elif self._word:
                yield no_answer("NVDA", self._word, gone=True)
            else:
                halts = [("NVDA", day, "halt", None) for day in self._halts]
                told = pl.DataFrame(halts, schema=ACTIONS_SCHEMA, orient="row")
                yield replace(answer, bars=answer.bars.filter(pl.col("date") <= self._ends), actions=told)


def evening(
    engine: sa.Engine,
    source: MarketDataSource,
    through: date,
    *tickers: str,
    now: datetime = NOW,
    by_name: bool = False,
) -> dict[str, IngestOutcome]:
    asked = tickers or FLEET
    outcomes = ingest(engine, source, asked, since=START, through=through, now=now, by_name=by_name)
    return {outcome.ticker: outcome for outcome in outcomes}


def after(count: int) -> date:
    return session_offset(LAST, count)


@pytest.fixture
def listed(engine: sa.Engine) -> sa.Engine:
    """Both tickers have bars up to LAST."""
    evening(engine, Market(None), LAST)
    return engine


def test_ten_silent_sessions_make_a_delisting_and_nine_are_incomplete(listed: sa.Engine) -> None:
    source = Market(LAST)
    nearly = evening(listed, source, after(SILENT_SESSIONS - 1))["NVDA"]
    assert (nearly.state, nearly.last_date) == ("incomplete", LAST)
    outcome = evening(listed, source, after(SILENT_SESSIONS))["NVDA"]
    assert outcome.state == "delisted"
    assert outcome.message.startswith(
        "delisted: NVDA has no bar since 2024-06-28 (10 sessions), while others have bars"
    )


def test_silence_of_the_whole_vendor_is_nobodys_delisting(listed: sa.Engine) -> None:
    assert evening(listed, Market(LAST), after(20), "NVDA")["NVDA"].state == "incomplete"


def test_recorded_halts_are_no_silence(listed: sa.Engine) -> None:
    halts = [after(count) for count in range(1, 16)]
    assert evening(listed, Market(LAST, halts=halts), after(15))["NVDA"].state == "ok"


@pytest.mark.parametrize(("sessions", "state"), [(DENIED_SESSIONS - 1, "failed"), (DENIED_SESSIONS, "delisted")])
def test_the_vendors_word_counts_once_some_sessions_have_passed(listed: sa.Engine, sessions: int, state: str) -> None:
    outcome = evening(listed, Market(LAST, "acme says 'may be delisted'"), after(sessions))["NVDA"]
    assert (outcome.state, outcome.rows, outcome.last_date) == (state, 374, LAST)
    assert "acme says 'may be delisted'" in outcome.message


def test_a_vendor_that_knows_nobody_any_more_delists_nobody(listed: sa.Engine) -> None:
    class Moved(Market):
        def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
            yield from (no_answer(request.ticker, "acme says HTTP 404", gone=True) for request in requests)

    outcomes = evening(listed, Moved(None), after(20))
    assert {ticker: outcome.state for ticker, outcome in outcomes.items()} == dict.fromkeys(FLEET, "failed")


def test_a_ticker_that_never_had_a_bar_is_unknown_and_not_delisted(engine: sa.Engine) -> None:
    assert evening(engine, Market(LAST, "unknown"), after(20))["NVDA"].state == "failed"


def test_yahoos_recorded_word_makes_a_delisting(listed: sa.Engine, shared_data: Path) -> None:
    gone = (shared_data / "wire" / "yahoo" / "body_chart_404_delisted.json").read_bytes()
    evening(listed, Market(None), after(5), "AMGN")
    with listed.begin() as connection:
        connection.execute(sa.text("UPDATE market_data_status SET source = 'yahoo', price_basis = 'split_adjusted'"))
    with serving(lambda _: Reply(404, gone)) as server:
        source = YahooSource(base_url=server.url, patience=Patience(attempts=1), per_second=1000)
        outcome = evening(listed, source, after(5), "NVDA")["NVDA"]
    assert outcome.state == "delisted"
    assert "No data found, symbol may be delisted" in outcome.message


def test_it_is_asked_for_once_a_week_and_by_name_and_said_each_time(listed: sa.Engine) -> None:
    source = Market(LAST)
    evening(listed, source, after(12))
    source.asked.clear()
    told = evening(listed, source, after(12), now=NOW + timedelta(days=1))["NVDA"]
    assert (source.asked, told.state, told.last_date) == (["AMGN"], "delisted", LAST)
    assert "no bar since 2024-06-28" in told.message
    evening(listed, source, after(12), "NVDA", now=NOW + timedelta(days=1), by_name=True)
    assert source.asked[1:] == ["NVDA"]
    evening(listed, source, after(12), now=NOW + timedelta(days=1) + ASK_AGAIN)
    assert source.asked[2:] == ["AMGN", "NVDA"]


def test_it_comes_back_when_bars_come_back(listed: sa.Engine) -> None:
    evening(listed, Market(LAST), after(12))
    back = evening(listed, Market(None), after(13), now=NOW + ASK_AGAIN)["NVDA"]
    assert (back.state, back.rows_new) == ("ok", 13)
    assert reads.delisted_tickers(listed).is_empty()


def test_no_alarm_no_model_no_forecast_and_its_targets_are_ended(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, FLEET, through=LAST)
    train(engine, tmp_path, FLEET, through=LAST)
    SessionForecaster(engine, CheckpointStore(tmp_path), Ldtm()).forecast(LAST, FLEET)
    write_session_snapshots(engine, LAST)
    through = after(12)
    evening(engine, Delisting(), through)
    features(engine, FLEET)

    trained = train(engine, tmp_path, FLEET, through=through)
    assert (trained["NVDA"].result, trained["NVDA"].state) == (Result.SKIPPED, "delisted")
    forecast = SessionForecaster(engine, CheckpointStore(tmp_path), Ldtm()).forecast(through, FLEET)
    assert forecast.without["NVDA"][0] == "skipped"
    assert "delisted: NVDA has no bar since 2024-06-28" in forecast.without["NVDA"][1]
    write_session_snapshots(engine, through)

    filled = fill_back_through(engine, through)
    # AMGN's month and its forecast of today are still to come; NVDA's three will never.
    assert (filled.pending, filled.missing, filled.ended) == (4, 0, 3)
    ended = reads.ended_targets(engine)
    assert ended["horizon"].to_list() == ["next_day", "next_monday", "one_month"]
    assert set(ended["reason"]) == {forecast.without["NVDA"][1]}
    assert reads.overdue_targets(engine).is_empty()

    status = platform_status(engine, FLEET, through)
    # The only problems are the sessions between the two, which nobody has forecast here, and scores, which nobody made.
    left = [each.what for each in status.problems if "no forecasts" not in each.what and "confidence" not in each.what]
    assert left == []
    assert [note for note in status.notes if note.startswith("NVDA: delisted: ")] != []


def test_the_past_of_a_delisted_ticker_can_still_be_replayed(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, FLEET, through=LAST)
    evening(engine, Delisting(), after(12))
    assert train(engine, tmp_path, ["NVDA"], through=LAST)["NVDA"].state == "ok"
    assert SessionForecaster(engine, CheckpointStore(tmp_path), Ldtm()).forecast(LAST, FLEET).forecast == 1


class Delisting(MarketDataSource):
    """The market of the fleet, in which NVDA has ended."""

    name, price_basis = "simulated", "raw"

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        for answer in simulated().fetch(requests):
            ended = (pl.col("ticker") == "NVDA") & (pl.col("date") > LAST)
            yield replace(answer, bars=answer.bars.filter(~ended))
