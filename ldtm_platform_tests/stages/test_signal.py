"""The TQQQ signal in the warehouse: stored once, from honest forecasts only, and skipped in plain words."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.dashboard.page import Place
from ldtm_platform.dashboard.pages.tqqq_signal import page
from ldtm_platform.llm.score_tools import TqqqSignalArgs, tqqq_signal
from ldtm_platform.postgres.server import Connection
from ldtm_platform.settings import Settings
from ldtm_platform.stages.signal import shown_signal, signal_sessions
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.strategy.market import LAST, bars, days
from ldtm_platform_tests.warehouse.rows import query, store_action, store_bars, store_snapshot

SESSIONS = days(30)


def store(engine: sa.Engine, rows: pl.DataFrame) -> None:
    for (ticker,), part in rows.partition_by("ticker", as_dict=True).items():
        store_bars(engine, str(ticker), dict(part.select("date", "close").rows()))


def document(engine: sa.Engine, session: date | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reads.tqqq_signal(engine, session)["summary"][0])
    return found


@pytest.fixture(scope="module")
def signalled(server: Connection, template: str) -> Iterator[sa.Engine]:
    """The funds' bars, without QQQ, and the signals of thirty sessions."""
    with scratch_database(server, template) as url:
        engine = sa.create_engine(url)
        store(engine, bars(400, index=False))
        assert {made.state for made in signal_sessions(engine, SESSIONS, cost_bp=5.0)} == {"stored"}
        yield engine
        engine.dispose()


def test_every_session_has_one_document_that_names_its_session_and_the_newest_is_read(signalled: sa.Engine) -> None:
    listed = reads.tqqq_signals(signalled)
    assert listed["session"].to_list() == SESSIONS
    assert document(signalled)["session"] == LAST.isoformat()
    earlier = document(signalled, SESSIONS[3])
    assert (earlier["session"], earlier["market"]["of"]) == (SESSIONS[3].isoformat(), "TQQQ")
    assert reads.tqqq_signal(signalled, date(2020, 1, 2)).is_empty()
    assert reads.tqqq_signals(signalled, through=SESSIONS[3]).height == 4


def test_past_sessions_are_marked_as_replayed_and_the_record_counts_them_so(signalled: sa.Engine) -> None:
    assert reads.tqqq_signals(signalled)["is_replay"].all()
    record = document(signalled)["record"]
    assert (record["live_sessions"], record["replayed_sessions"]) == (0, 28)
    assert record["verdict"].startswith("Not enough evidence: 28 sessions")
    assert document(signalled)["confidence"] is None


def test_a_second_run_changes_nothing_even_when_prices_have_changed(signalled: sa.Engine) -> None:
    rows = "SELECT ctid::text, xmin::text, * FROM tqqq_signals ORDER BY session"
    before = query(signalled, rows)
    again = list(signal_sessions(signalled, SESSIONS, cost_bp=50.0))
    assert {made.state for made in again} == {"known"}
    assert query(signalled, rows) == before


def test_one_session_at_a_time_gives_the_same_documents_as_all_in_one_run(
    signalled: sa.Engine, engine: sa.Engine
) -> None:
    everything = bars(400, index=False)
    for session in SESSIONS[:4]:
        store(engine, everything.filter(pl.col("date") <= session))
        (made,) = signal_sessions(engine, [session], cost_bp=5.0)
        assert made.state == "stored"
        assert document(engine, session) == document(signalled, session)


def test_a_replay_of_earlier_sessions_belongs_to_the_record_that_is_shown(engine: sa.Engine) -> None:
    store(engine, bars(400, index=False))
    list(signal_sessions(engine, SESSIONS[-1:], cost_bp=5.0))
    first = shown_signal(engine)
    assert first
    assert (first.document, first.since) == (first.stored, "")

    list(signal_sessions(engine, SESSIONS[:-1], cost_bp=50.0))
    shown = shown_signal(engine)
    assert shown
    assert shown.stored == first.stored == document(engine)
    assert "stands with the record of then, 0 sessions" in shown.since
    record = shown.document["record"]
    everything, alone = record["parts"]
    assert record["replayed_sessions"] == everything["signal"]["sessions"] == len(shown.followed.sessions) == 28
    assert record["verdict"].startswith("Not enough evidence: 28 sessions")
    assert alone["last"] < SESSIONS[0].isoformat()
    told = str(page(Settings()).layout(Place("tqqq_signal"), engine))
    assert "28 sessions on record" in told
    assert shown.since in told


def test_of_signals_made_in_order_the_stored_record_is_the_shown_one(signalled: sa.Engine) -> None:
    shown = shown_signal(signalled)
    assert shown
    assert (shown.document, shown.since) == (shown.stored, "")


def test_qqq_is_the_trend_where_its_bars_are_stored(engine: sa.Engine) -> None:
    store(engine, bars(400))
    list(signal_sessions(engine, [LAST], cost_bp=5.0))
    assert document(engine)["market"]["of"] == "QQQ"


def test_a_split_of_the_fund_leaves_the_record_as_it_is(signalled: sa.Engine, engine: sa.Engine) -> None:
    rows, day = bars(400, index=False), SESSIONS[10]
    halved = pl.when((pl.col("ticker") == "TQQQ") & (pl.col("date") >= day)).then(pl.col("close") / 2)
    store(engine, rows.with_columns(close=halved.otherwise("close")))
    store_action(engine, "TQQQ", day, 2.0)
    list(signal_sessions(engine, SESSIONS, cost_bp=5.0))
    assert document(engine)["record"] == document(signalled)["record"]
    assert document(engine)["market"]["close"] == pytest.approx(document(signalled)["market"]["close"] / 2)


def test_the_models_view_is_of_honest_forecasts_only(engine: sa.Engine) -> None:
    store(engine, bars(400, index=False))
    honest, seen = SESSIONS[-2:]
    for session, trained_through in ((honest, date(2025, 1, 2)), (seen, date(2027, 1, 4))):
        for ticker, one_month in (("TQQQ", 112.0), ("SQQQ", 93.0)):
            store_snapshot(engine, ticker, 100.0, one_month, run_date=session, trained_through=trained_through)
    list(signal_sessions(engine, [honest, seen], cost_bp=5.0))
    model = document(engine, honest)["model"]
    assert (model["tqqq_implied_1m_return_pct"], model["sqqq_implied_1m_return_pct"]) == (12.0, -7.0)
    assert (model["confidence"], model["vote"]) == (None, 0)
    assert document(engine, seen)["model"] is None


def test_a_confident_model_has_a_vote(engine: sa.Engine) -> None:
    store(engine, bars(400, index=False))
    for ticker, one_month in (("TQQQ", 88.0), ("SQQQ", 107.0)):
        store_snapshot(engine, ticker, 100.0, one_month, run_date=LAST)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO ldtm_confidence (run_date, ticker, horizon, score, evaluated, replayed, evidence, hits,"
                " directions, base_rate, prior_strength, p_dir, p_err, strength, promises)"
                " VALUES (:day, 'TQQQ', 'one_month', 20, 480, 0, 23, 300, 480, 0.52, 600, 0.9, 0.9, 1, 0)"
            ),
            {"day": LAST},
        )
    list(signal_sessions(engine, [LAST], cost_bp=5.0))
    assert document(engine)["model"]["vote"] == -1


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (bars(300).clear(), "no bars of both TQQQ and SQQQ: add them to the universe's file and ingest"),
        (bars(300).filter(pl.col("ticker") == "TQQQ"), "no bars of both TQQQ and SQQQ"),
        (bars(150), f"the history up to {LAST} has 150 sessions: too few"),
        (bars(300).filter(pl.col("date") < LAST), f"TQQQ or SQQQ has no bar of {LAST}"),
    ],
    ids=["no funds", "one fund", "short history", "no bar"],
)
def test_what_cannot_be_signalled_is_skipped_and_says_why(engine: sa.Engine, rows: pl.DataFrame, reason: str) -> None:
    store(engine, rows)
    (skipped,) = signal_sessions(engine, [LAST], cost_bp=5.0)
    assert skipped.state == "skipped"
    assert reason in skipped.message
    assert reads.tqqq_signals(engine).is_empty()


def test_a_signal_of_simulated_funds_says_so_wherever_it_goes(engine: sa.Engine) -> None:
    store(engine, bars(400, index=False))
    ingested = sa.text(
        "INSERT INTO market_data_status (ticker, source, price_basis, state, last_date, checked_at) "
        "SELECT DISTINCT ticker, 'simulated', 'raw', 'ok', cast(:last AS date), now() FROM market_data_daily"
    )
    with engine.begin() as connection:
        connection.execute(ingested, {"last": LAST})
    list(signal_sessions(engine, SESSIONS[-1:], cost_bp=5.0))
    assert document(engine)["disclaimer"].startswith("The prices behind this are simulated")
    (row,) = tqqq_signal(engine, TqqqSignalArgs()).rows
    assert row.is_simulated
    assert "made-up" in str(page(Settings()).layout(Place("tqqq_signal"), engine))


def test_a_signal_of_other_prices_does_not(signalled: sa.Engine) -> None:
    assert document(signalled)["disclaimer"].startswith("Not investment advice")
    (row,) = tqqq_signal(signalled, TqqqSignalArgs()).rows
    assert not row.is_simulated
