"""The document of a session: complete, plain JSON, and blind to everything after its session."""

import json
from collections.abc import Sequence
from datetime import date

import polars as pl
import pytest

from ldtm_platform.strategy.rule import ModelView
from ldtm_platform.strategy.summary import Stored, summary
from ldtm_platform_tests.strategy.market import LAST, bars, days, market

FULL = market(bars(700))
MODEL = ModelView(8.0, -7.0, 1.0, "v1", is_replay=True)


def replayed(sessions: Sequence[date], *, live_from: date = date.max) -> dict[date, Stored]:
    return {
        day: Stored("long TQQQ" if number % 3 else "flat", is_replay=day < live_from)
        for number, day in enumerate(sessions)
    }


def test_the_document_is_json_and_says_that_it_is_no_advice() -> None:
    document, confidence = summary(LAST, FULL, MODEL, replayed(days(300)[:-1]), cost_bp=5.0, is_replay=False)
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again == document
    assert document["session"] == "2026-04-22"
    assert document["disclaimer"].startswith("Not investment advice")
    assert document["exposure"] in ("long TQQQ", "flat", "long SQQQ")
    assert document["confidence"] == round(confidence or 0, 1)
    assert document["model"]["vote"] == 0
    assert document["rule"]["mean_sessions"] == 200
    assert len(json.dumps(document)) < 6_000


def test_the_record_says_what_is_live_what_is_replayed_and_what_is_the_rule_alone() -> None:
    stored = replayed(days(300)[:-1], live_from=days(100)[0])
    record = summary(LAST, FULL, None, stored, cost_bp=5.0, is_replay=False)[0]["record"]
    everything, live, again, alone = record["parts"]
    assert everything["signal"]["sessions"] == 298
    assert (record["live_sessions"], record["replayed_sessions"]) == (98, 200)
    assert live["basis"] == "stored signals, live"
    assert (live["signal"]["sessions"], again["signal"]["sessions"]) == (98, 200)
    assert live["signal"]["sharpe"] is None
    assert alone["basis"].startswith("rule alone")
    assert alone["last"] < everything["first"]
    for part in record["parts"]:
        assert part["buy_and_hold"]["sessions"] == part["signal"]["sessions"]


def test_the_first_signal_ever_has_no_record_and_the_verdict_says_so() -> None:
    document, confidence = summary(LAST, FULL, None, {}, cost_bp=5.0, is_replay=False)
    assert confidence is None
    assert document["record"]["verdict"].startswith("Not enough evidence: 0 sessions")
    assert document["record"]["parts"][0]["first"] is None


def test_it_is_the_same_without_the_future() -> None:
    session = days(40)[0]
    stored = replayed(days(300))
    known = {day: signal for day, signal in stored.items() if day < session}
    short = market(bars(700).filter(pl.col("date") <= session))
    assert summary(session, FULL, MODEL, stored, cost_bp=5.0, is_replay=True) == summary(
        session, short, MODEL, known, cost_bp=5.0, is_replay=True
    )


def test_a_session_without_a_stored_signal_goes_on_with_the_one_before() -> None:
    always = dict.fromkeys(days(300)[:-1], Stored("long SQQQ", is_replay=True))
    seldom = {day: signal for number, (day, signal) in enumerate(always.items()) if number % 5 == 0}
    of = [
        summary(LAST, FULL, None, stored, cost_bp=5.0, is_replay=True)[0]["record"]["parts"][0]["signal"]
        for stored in (always, seldom)
    ]
    assert of[0] == of[1]


def test_costs_come_off_the_record() -> None:
    stored = replayed(days(300)[:-1])
    free, dear = (
        summary(LAST, FULL, None, stored, cost_bp=cost, is_replay=True)[0]["record"]["parts"][0] for cost in (0.0, 50.0)
    )
    assert dear["signal"]["total_return_pct"] < free["signal"]["total_return_pct"] - 10
    assert dear["buy_and_hold"]["total_return_pct"] < free["buy_and_hold"]["total_return_pct"]


@pytest.mark.parametrize("session", [days(700)[100], date(2026, 4, 25), date(2027, 1, 4)])
def test_a_session_without_a_state_is_refused(session: date) -> None:
    with pytest.raises(ValueError, match=f"no state of {session}"):
        summary(session, FULL, None, {}, cost_bp=5.0, is_replay=True)
