"""The status: each thing that is wrong with the command that mends it, until nothing is."""

import json
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.stages.predictions import SessionForecaster
from ldtm_platform.stages.snapshots import write_session_snapshots
from ldtm_platform.stages.status import Problem, platform_status
from ldtm_platform.universe import load_universe
from ldtm_platform_tests.stages.fleet import END, bring_up, features, ingest, train

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
