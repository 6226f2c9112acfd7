"""Scoring sessions in the warehouse: the same whichever way it is run, once, and never from in-sample forecasts."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from ldtm_platform.postgres.server import Connection
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.warehouse.rows import query

LAST = date(2026, 4, 22)
SESSIONS = sessions_through(LAST, 120)
TICKERS = ("AAPL", "AMD", "NVDA")


@pytest.fixture(scope="module")
def filled(server: Connection, template: str) -> Iterator[sa.Engine]:
    """Half a year of three tickers, every session of it scored in one run."""
    with scratch_database(server, template) as url:
        engine = sa.create_engine(url)
        fill(engine, tickers=TICKERS, sessions=SESSIONS)
        list(score_sessions(engine, SESSIONS))
        yield engine
        engine.dispose()


def stored(engine: sa.Engine) -> list[str]:
    return [
        row["row"]
        for row in query(engine, "SELECT (to_jsonb(c) - 'computed_at')::text AS row FROM ldtm_confidence c ORDER BY 1")
    ]


def test_every_honest_snapshot_has_a_row_a_horizon_and_in_sample_ones_have_none(filled: sa.Engine) -> None:
    (snapshots,) = query(
        filled,
        "SELECT count(*) FILTER (WHERE NOT in_sample) AS honest, count(*) FILTER (WHERE in_sample) AS seen"
        " FROM ldtm_daily_snapshots",
    )
    assert snapshots["seen"] > 0
    assert len(stored(filled)) == 3 * snapshots["honest"]


def test_the_latest_is_read_unless_a_session_is_named(filled: sa.Engine) -> None:
    latest = reads.confidence(filled)
    assert latest.height == 9
    assert set(latest["run_date"]) == {LAST}
    day = latest.filter(horizon="next_day")
    assert (day["score"].is_between(0, 100)).all()
    assert latest.filter(horizon="one_month")["score"].to_list() == [None] * 3
    earlier = reads.confidence(filled, SESSIONS[30])
    assert set(earlier["run_date"]) == {SESSIONS[30]}


def test_evening_by_evening_from_what_was_known_gives_the_same_rows_to_the_bit(
    filled: sa.Engine, engine: sa.Engine
) -> None:
    fill(engine, tickers=TICKERS, sessions=SESSIONS)
    open_actuals = ", ".join(
        f"{h}_actual = CASE WHEN {h}_target_date <= :day THEN {h}_actual END"
        for h in ("next_day", "next_monday", "one_month")
    )
    expected = {each: reads.confidence(filled, each) for each in SESSIONS}
    with engine.begin() as connection:
        # A copy keeps what each evening may see.
        connection.execute(sa.text("CREATE TABLE truth AS SELECT * FROM ldtm_daily_snapshots"))
    for session in SESSIONS[::7]:
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM ldtm_daily_snapshots"))
            columns = ", ".join(c["name"] for c in sa.inspect(connection).get_columns("truth") if c["name"] != "id")
            connection.execute(
                sa.text(
                    f"INSERT INTO ldtm_daily_snapshots ({columns}) SELECT {columns} FROM truth WHERE run_date <= :day"
                ),
                {"day": session},
            )
            connection.execute(sa.text(f"UPDATE ldtm_daily_snapshots SET {open_actuals}"), {"day": session})
        list(score_sessions(engine, [session]))
        # What was promised on the evenings between is not stored here, and nothing else may differ.
        left = ["coverage", "promises"]
        assert_frame_equal(reads.confidence(engine, session).drop(left), expected[session].drop(left), check_exact=True)


def test_scoring_again_writes_nothing(filled: sa.Engine) -> None:
    before = stored(filled)
    again = list(score_sessions(filled, SESSIONS[-5:]))
    assert [each.rows_new for each in again] == [0] * 5
    assert stored(filled) == before


def test_a_score_stands_and_only_missing_evidence_gives_way_to_a_replay(engine: sa.Engine) -> None:
    fill(engine, tickers=TICKERS, sessions=SESSIONS)
    with engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE early AS SELECT * FROM ldtm_daily_snapshots WHERE run_date < :day"),
            {"day": SESSIONS[-30]},
        )
        connection.execute(sa.text("DELETE FROM ldtm_daily_snapshots WHERE run_date < :day"), {"day": SESSIONS[-30]})
    (alone,) = score_sessions(engine, [LAST])
    assert (alone.rows_new, alone.with_score) == (9, 3)
    scores = reads.confidence(engine).filter(horizon="next_day")
    with engine.begin() as connection:
        columns = ", ".join(c["name"] for c in sa.inspect(connection).get_columns("early") if c["name"] != "id")
        connection.execute(sa.text(f"INSERT INTO ldtm_daily_snapshots ({columns}) SELECT {columns} FROM early"))
    (replayed,) = score_sessions(engine, [LAST])
    # Monday and month had no score: they are told anew, the next day's stands.
    assert replayed.rows_new == 6
    assert reads.confidence(engine).filter(horizon="next_day").equals(scores)


def test_a_session_without_forecasts_has_no_rows(engine: sa.Engine) -> None:
    (nothing,) = score_sessions(engine, [LAST])
    assert (nothing.rows, nothing.rows_new, nothing.with_score) == (0, 0, 0)
    assert reads.confidence(engine).is_empty()
