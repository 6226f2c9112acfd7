"""Versions are registered once, the champion is an alias that moves, and a session gets the model it may use."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import sqlalchemy as sa

from ldtm_platform.warehouse.reads import champions, versions
from ldtm_platform.warehouse.writes import UnknownVersion, mark_pruned, promote, register_version, rollback_champion
from ldtm_platform_tests.warehouse.rows import FAMILY, query, store_version

JANUARY, FEBRUARY, MARCH = date(2026, 1, 30), date(2026, 2, 27), date(2026, 3, 31)


def make_champion(engine: sa.Engine, *names: str) -> list[bool]:
    with engine.begin() as connection:
        return [promote(connection, ticker="AAPL", family=FAMILY, version=name, reason="better") for name in names]


def roll_back(engine: sa.Engine) -> str:
    with engine.begin() as connection:
        return rollback_champion(connection, "AAPL")


def prune(engine: sa.Engine, *names: str) -> list[str]:
    with engine.begin() as connection:
        return mark_pruned(connection, names)


def champion(engine: sa.Engine, session: date) -> tuple[str, bool] | None:
    rows = champions(engine, session, FAMILY).rows(named=True)
    return (rows[0]["version"], rows[0]["in_sample"]) if rows else None


@pytest.fixture
def three(engine: sa.Engine) -> sa.Engine:
    """Versions a, b and c, trained through January, February and March."""
    for name, day in (("a", JANUARY), ("b", FEBRUARY), ("c", MARCH)):
        store_version(engine, name, day)
    return engine


def test_a_version_is_registered_once_and_extra_manifest_fields_are_left_out(engine: sa.Engine) -> None:
    manifest = {"version": "a", "family": FAMILY, "ticker": "AAPL", "train_loss": 0.5, "horizons": ["next_day"]}
    with engine.begin() as connection:
        assert register_version(connection, manifest)
        assert not register_version(connection, manifest | {"train_loss": 0.1})
    assert query(engine, "SELECT train_loss FROM model_versions") == [{"train_loss": 0.5}]


def test_a_manifest_without_a_ticker_is_refused(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(KeyError, match="ticker"):
        register_version(connection, {"version": "a", "family": FAMILY})


def test_the_champion_of_one_ticker_is_that_among_those_of_all(three: sa.Engine) -> None:
    store_version(three, "other", FEBRUARY, ticker="MSFT")
    make_champion(three, "c")
    for session in (JANUARY, FEBRUARY, MARCH):
        everyone = champions(three, session, FAMILY)
        for ticker in ("AAPL", "MSFT", "NONE"):
            assert champions(three, session, FAMILY, ticker).equals(everyone.filter(ticker=ticker))


def test_promoting_the_champion_again_adds_nothing(three: sa.Engine) -> None:
    assert make_champion(three, "a", "a", "b") == [True, False, True]
    assert query(three, "SELECT version FROM model_champions") == [{"version": "b"}]


def test_only_a_registered_version_of_that_ticker_can_be_promoted(three: sa.Engine) -> None:
    store_version(three, "other", MARCH, ticker="MSFT")
    with pytest.raises(UnknownVersion, match="no ldtm model 'other' of AAPL"):
        make_champion(three, "other")


def test_rolling_back_twice_goes_back_two_champions_and_not_to_and_fro(three: sa.Engine) -> None:
    make_champion(three, "a", "b", "c")
    assert [roll_back(three), roll_back(three)] == ["b", "a"]
    assert champion(three, MARCH) == ("a", False)
    with pytest.raises(UnknownVersion, match="no earlier champion"):
        roll_back(three)


def test_a_ticker_without_any_champion_cannot_be_rolled_back(engine: sa.Engine) -> None:
    with pytest.raises(UnknownVersion, match="AAPL has no earlier champion"):
        roll_back(engine)


def test_the_present_champion_serves_every_session_that_it_was_trained_by(three: sa.Engine) -> None:
    make_champion(three, "a", "b", "c")
    assert champion(three, MARCH) == ("c", False)
    assert champion(three, date(2026, 3, 30)) == ("b", False)
    roll_back(three)
    roll_back(three)
    assert champion(three, MARCH) == champion(three, date(2026, 3, 30)) == ("a", False)


def test_a_version_trained_to_replay_the_past_serves_the_sessions_before_the_champion(three: sa.Engine) -> None:
    make_champion(three, "a", "c")
    assert champion(three, date(2026, 3, 2)) == ("b", False)


def test_without_a_champion_by_then_the_version_trained_last_serves(three: sa.Engine) -> None:
    make_champion(three, "c")
    assert champion(three, date(2026, 3, 2)) == ("b", False)


def test_a_session_before_all_training_gets_todays_champion_marked_in_sample(three: sa.Engine) -> None:
    make_champion(three, "b")
    assert champion(three, date(2026, 1, 2)) == ("b", True)


def test_without_a_version_there_is_no_row(engine: sa.Engine) -> None:
    assert champion(engine, MARCH) is None


def test_a_pruned_version_is_offered_by_nothing(three: sa.Engine) -> None:
    make_champion(three, "a", "b", "c")
    assert prune(three, "b", "unregistered") == ["b", "unregistered"]
    assert champion(three, date(2026, 3, 2)) == ("a", False)
    assert versions(three, "AAPL", FAMILY)["version"].to_list() == ["c", "a"]
    assert roll_back(three) == "a"
    with pytest.raises(UnknownVersion, match="'b' of AAPL is registered and kept"):
        make_champion(three, "b")


def test_a_rollback_says_that_no_earlier_champion_is_left_on_disk(three: sa.Engine) -> None:
    make_champion(three, "a", "b", "c")
    prune(three, "a", "b")
    with pytest.raises(UnknownVersion, match=r"AAPL has no earlier champion left on disk.*a, b were pruned.*c stays"):
        roll_back(three)
    assert champion(three, MARCH) == ("c", False)


def test_the_champion_is_never_marked_pruned_and_a_mark_keeps_its_date(three: sa.Engine) -> None:
    make_champion(three, "a")
    assert prune(three, "a", "b") == ["b"]
    marked = query(three, "SELECT version, pruned_at FROM model_versions ORDER BY version")
    assert [row["pruned_at"] is not None for row in marked] == [False, True, False]
    assert prune(three, "a", "b") == ["b"]
    assert query(three, "SELECT version, pruned_at FROM model_versions ORDER BY version") == marked
    assert prune(three) == []


def test_pruning_waits_for_a_promotion_that_is_under_way(three: sa.Engine) -> None:
    make_champion(three, "c")
    with ThreadPoolExecutor(1) as pool:
        with three.begin() as connection:
            promote(connection, ticker="AAPL", family=FAMILY, version="a", reason="by hand")
            pruned = pool.submit(prune, three, "a", "b")
            with pytest.raises(TimeoutError):
                pruned.result(timeout=0.5)
        assert pruned.result(timeout=30) == ["b"]


def test_a_pruned_version_that_is_trained_again_is_recorded_anew(three: sa.Engine) -> None:
    manifest = {"version": "a", "family": FAMILY, "ticker": "AAPL", "trained_through": JANUARY, "device": "cuda"}
    prune(three, "a")
    with three.begin() as connection:
        assert register_version(connection, manifest)
        assert not register_version(connection, manifest | {"device": "cpu"})
    (row,) = query(three, "SELECT pruned_at, device FROM model_versions WHERE version = 'a'")
    assert row == {"pruned_at": None, "device": "cuda"}


def test_versions_are_listed_newest_first_with_the_champion_marked(three: sa.Engine) -> None:
    make_champion(three, "b")
    listed = versions(three, "AAPL", FAMILY).select("version", "is_champion")
    assert listed.rows() == [("c", False), ("b", True), ("a", False)]
