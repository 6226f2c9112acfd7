"""Sorting of corporate actions, and the naming of missing sessions."""

import json
from datetime import date

import polars as pl
import pytest

from ldtm_platform.prices.actions import split_good_and_bad_actions
from ldtm_platform.prices.bars import BAD_SCHEMA
from ldtm_platform.prices.completeness import missing_sentence, missing_sessions
from ldtm_platform.sources.base import ACTIONS_SCHEMA

DAY = date(2024, 6, 10)


def actions(*rows: tuple[str, date | None, str | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=ACTIONS_SCHEMA, orient="row")


def test_good_actions_pass_and_equal_ones_count_once() -> None:
    rows = actions(
        ("A", DAY, "split", 10.0), ("A", DAY, "split", 10.0), ("A", DAY, "dividend", 0.1), ("A", DAY, "halt", None)
    )
    good, bad = split_good_and_bad_actions(rows)
    assert good.equals(rows.unique(maintain_order=True))
    assert dict(bad.schema) == BAD_SCHEMA
    assert bad.is_empty()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("A", None, "split", 2.0), "the action has no date"),
        (("A", DAY, "merger", 2.0), "the kind of action is none of split, dividend, halt"),
        (("A", DAY, None, 2.0), "the kind of action is none of split, dividend, halt"),
        (("A", DAY, "split", 0.0), "the action's value is not above zero"),
        (("A", DAY, "split", None), "the action's value is not above zero"),
        (("A", DAY, "dividend", float("nan")), "the action's value is not above zero"),
        (("A", DAY, "split", float("inf")), "the action's value is not above zero"),
    ],
)
def test_a_bad_action_is_set_aside_with_its_reason(
    row: tuple[str, date | None, str | None, float | None], reason: str
) -> None:
    good, bad = split_good_and_bad_actions(actions(row))
    assert good.is_empty()
    assert bad["reason"].to_list() == [reason]
    assert json.loads(bad["payload"].item())["ticker"] == "A"


def test_two_splits_of_one_day_that_disagree_are_both_bad() -> None:
    good, bad = split_good_and_bad_actions(actions(("A", DAY, "split", 10.0), ("A", DAY, "split", 4.0)))
    assert (good.height, bad.height) == (0, 2)


def test_missing_sessions_leave_out_weekends_holidays_and_halts() -> None:
    days = [date(2024, 1, 11), date(2024, 1, 17)]
    halts = {date(2024, 1, 12)}
    # The 13th to the 15th are a weekend and Martin Luther King's day.
    assert missing_sessions(days, halts, date(2024, 1, 18)) == [date(2024, 1, 16), date(2024, 1, 18)]
    assert missing_sessions([], halts, date(2024, 1, 18)) == []


def test_the_sentence_counts_and_names_the_first_five() -> None:
    missing = missing_sessions([date(2024, 1, 2)], (), date(2024, 1, 10))
    assert missing_sentence(missing) == (
        "6 sessions have neither a bar nor a recorded halt: "
        "2024-01-03, 2024-01-04, 2024-01-05, 2024-01-08, 2024-01-09 ..."
    )
    assert missing_sentence(missing[:1]) == "1 session has neither a bar nor a recorded halt: 2024-01-03"
    assert missing_sentence([]) == ""


def test_a_split_beyond_any_real_one_is_refused() -> None:
    rows = [("A", date(2024, 1, 2), "split", 1e200), ("B", date(2024, 1, 2), "split", 1e-200)]
    good, bad = split_good_and_bad_actions(pl.DataFrame(rows, schema=ACTIONS_SCHEMA, orient="row"))
    assert good.is_empty()
    assert set(bad["reason"]) == {"the split is beyond any real one"}
