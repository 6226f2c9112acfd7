"""The status: each thing that is wrong with the command that mends it, until nothing is."""

import json
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.stages.predictions import SessionForecaster
from ldtm_platform.stages.signal import signal_sessions
from ldtm_platform.stages.snapshots import write_session_snapshots
from ldtm_platform.stages.status import Problem, platform_status
from ldtm_platform.universe import load_universe
from ldtm_platform_tests.stages.fleet import END, bring_up, features, ingest, train
from ldtm_platform_tests.strategy.market import bars, days
from ldtm_platform_tests.warehouse.rows import store_bars, store_snapshot

FLEET = ("AMGN", "ARM", "NVDA")


def problems(engine: sa.Engine, tickers: tuple[str, ...] = FLEET, session: date = END) -> list[Problem]:
    return list(platform_status(engine, tickers, session).problems)


def test_each_stage_that_is_behind_is_named_with_the_command_that_mends_it(engine: sa.Engine, tmp_path: Path) -> None:
    every = "--ticker AMGN --ticker ARM --ticker NVDA"
    assert problems(engine) == [
        Problem("3 tickers: no bar of 2024-07-31: AMGN, ARM, NVDA", f"ldtm ingest {every}"),
    ]
    ingest(engine, FLEET)
    assert problems(engine) == [
        Problem("3 tickers: features behind their bars: AMGN, ARM, NVDA", f"ldtm features {every}"),
    ]
    features(engine, FLEET)
    assert problems(engine) == [Problem("3 tickers: not trained: AMGN, ARM, NVDA", f"ldtm train {every}")]
    train(engine, tmp_path, FLEET)
    assert problems(engine) == [Problem("2 tickers: no forecast of 2024-07-31: AMGN, NVDA", "ldtm pipeline")]
    SessionForecaster(engine, CheckpointStore(tmp_path), Ldtm()).forecast(END, FLEET)
    write_session_snapshots(engine, END)
    unscored = "2 tickers: no confidence in the forecast of 2024-07-31: AMGN, NVDA"
    assert problems(engine) == [Problem(unscored, "ldtm pipeline")]
    list(score_sessions(engine, [END]))

    done = platform_status(engine, FLEET, END)
    assert done.problems == ()
    # Too little history passes with time: it is said, and nothing is to be mended.
    (note,) = done.notes
    assert note.startswith("ARM has 161 feature rows")
    assert done.stages.rows() == [
        ("bars", 3, 3, END, END),
        ("features", 3, 3, END, END),
        ("models", 2, 3, END, END),
        ("snapshots", 2, 3, END, END),
    ]
    assert json.loads(json.dumps(done.as_dict(), default=str))["session"] == "2024-07-31"


def test_a_new_session_makes_bars_stale(engine: sa.Engine) -> None:
    bring_up(engine, ["AMGN"], through=date(2024, 7, 30))
    first, *_ = problems(engine, ("AMGN",))
    assert first == Problem("1 tickers: no bar of 2024-07-31: AMGN", "ldtm ingest --ticker AMGN")


def test_many_tickers_are_counted_and_mended_together(engine: sa.Engine) -> None:
    (problem,) = problems(engine, load_universe().tickers)
    assert problem.what.startswith("103 tickers: no bar of 2024-07-31: AAPL, ABNB, ")
    assert problem.what.endswith(" and 95 more")
    assert problem.mend == "ldtm ingest --all"


def test_a_ticker_that_could_not_be_ingested_says_why(engine: sa.Engine) -> None:
    ingest(engine, ["SNDK"])
    assert problems(engine, ("SNDK",)) == [
        Problem("SNDK: no_data: simulated has no bars from 2023-01-03 through 2024-07-31", "ldtm ingest --ticker SNDK")
    ]


def test_targets_that_passed_without_a_bar_are_counted(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN"])
    train(engine, tmp_path, ["AMGN"], through=date(2024, 5, 31))
    session = date(2024, 6, 3)
    SessionForecaster(engine, CheckpointStore(tmp_path), Ldtm()).forecast(session, ["AMGN"])
    write_session_snapshots(engine, session)
    # Its three targets are filled by nobody here.
    assert Problem("3 targets have passed and are not filled: AMGN", "ldtm ingest --all && ldtm fillback") in problems(
        engine, ("AMGN",)
    )


def test_earlier_sessions_without_confidence_or_signal_are_named_until_they_are_replayed(
    engine: sa.Engine,
) -> None:
    sessions = days(40)
    market = bars(400, index=False)
    for (fund,), part in market.partition_by("ticker", as_dict=True).items():
        store_bars(engine, str(fund), dict(part.select("date", "close").rows()))
    for session in sessions:
        store_snapshot(engine, "AMGN", 101.0, 102.0, run_date=session, trained_through=sessions[0])
    in_order = [session for session in sessions if session != sessions[20]]
    list(score_sessions(engine, in_order))
    list(signal_sessions(engine, in_order, cost_bp=5.0))

    def told() -> list[Problem]:
        return [each for each in problems(engine, ("AMGN",), sessions[-1]) if "between" in each.what]

    day = sessions[20]
    mend = f"ldtm pipeline --from {day} --to {day}"
    assert told() == [
        Problem(f"1 sessions between {day} and {day} have forecasts without confidence", mend),
        Problem(f"1 sessions between {day} and {day} have no TQQQ signal", mend),
    ]
    list(score_sessions(engine, [day]))
    list(signal_sessions(engine, [day], cost_bp=5.0))
    assert told() == []
    # A forecast that was made in sample is scored by nobody.
    store_snapshot(engine, "NVDA", 101.0, 102.0, run_date=day, trained_through=sessions[-1], in_sample=True)
    assert told() == []
    # Of recent sessions each forecast is looked at, and not the session only.
    store_snapshot(engine, "NVDA", 101.0, 102.0, run_date=sessions[-2], trained_through=sessions[0])
    assert [each.mend for each in told()] == [f"ldtm pipeline --from {sessions[-2]} --to {sessions[-2]}"]
