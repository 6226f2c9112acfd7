"""The tools: typed answers with sources and bounds, for people, programs and models alike."""

from datetime import date

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from ldtm_platform.cli.demo import skill_table
from ldtm_platform.llm import tools
from ldtm_platform.llm.arguments import (
    MOST_ROWS,
    AccuracyArgs,
    HeadlinesArgs,
    HistoryArgs,
    ModelCardsArgs,
    PredictionsArgs,
)
from ldtm_platform.llm.render import compact
from ldtm_platform.llm.toolbox import NAMES, TOOLS, Toolbox, ToolRefused
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.universe import Universe
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.warehouse.rows import query

LAST = date(2026, 4, 22)
TICKERS = ("AAPL", "AMD", "MSFT", "NVDA", "TSLA")
UNIVERSE = Universe(
    sector_of={"AAPL": "hardware", "AMD": "semis", "MSFT": "software", "NVDA": "semis", "TSLA": "consumer"},
    groups={"hardware": ("AAPL",), "semis": ("AMD", "NVDA"), "software": ("MSFT",), "consumer": ("TSLA",)},
)


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    """A database with sixty sessions of five tickers; TSLA has no forecast of the last."""
    fill(engine, tickers=TICKERS, sessions=sessions_through(LAST, 60))
    list(score_sessions(engine, [LAST]))
    return engine


def box(engine: sa.Engine, group: str | None = None) -> Toolbox:
    return Toolbox(engine, UNIVERSE, group)


def test_predictions_are_those_of_the_snapshot_with_rank_and_changes(filled: sa.Engine) -> None:
    found = tools.predictions(filled, PredictionsArgs())
    assert (found.source, found.as_of, found.total) == ("ldtm_signals", LAST, 4)
    assert [row.rank for row in found.rows] == [1, 2, 3, 4]
    returns = [row.implied_1m_return_pct or 0.0 for row in found.rows]
    assert returns == sorted(returns, reverse=True)
    assert found.bullish + found.neutral + found.bearish == 4
    (stored,) = query(filled, "SELECT * FROM ldtm_daily_snapshots WHERE run_date = :day AND ticker = 'AMD'", day=LAST)
    (amd,) = (row for row in found.rows if row.ticker == "AMD")
    assert amd.next_day_close_pred == stored["next_day_close_pred"]
    expected = (stored["one_month_close_pred"] / stored["run_date_close"] - 1) * 100
    assert amd.one_month_change_pct == pytest.approx(expected, rel=1e-12)


def test_predictions_are_filtered_and_bounded_and_still_say_how_many_there_are(filled: sa.Engine) -> None:
    few = tools.predictions(filled, PredictionsArgs(limit=1, lowest_first=True))
    assert (few.total, [row.rank for row in few.rows]) == (4, [4])
    one = tools.predictions(filled, PredictionsArgs(tickers=("AMD",)))
    assert [row.ticker for row in one.rows] == ["AMD"]
    none = tools.predictions(filled, PredictionsArgs(session=date(2019, 1, 2)))
    assert (none.total, none.rows, none.as_of) == (0, (), None)


def test_accuracy_stands_beside_persistence(filled: sa.Engine) -> None:
    found = tools.accuracy(filled, AccuracyArgs(order="skill"))
    skills = [row.skill_vs_persistence or 0.0 for row in found.rows]
    assert skills == sorted(skills, reverse=True)
    assert [row.horizon for row in found.fleet] == ["next_day", "next_monday", "one_month"]
    for row in found.fleet:
        assert row.skill == pytest.approx(1 - (row.ratio_to_persistence or 0.0))
    # The errors are those that skill rests on, and that the demo's table shows.
    told = [(row.mean_abs_log_error_pct, row.persistence_mean_abs_log_error_pct) for row in found.fleet]
    shown = skill_table(reads.prediction_skill(filled)).select("mean error %", "tomorrow-is-today %")
    assert told == shown.rows()
    assert [own / naive for own, naive in shown.rows()] == pytest.approx([r.ratio_to_persistence for r in found.fleet])


def test_history_is_newest_first_and_counts_what_is_beyond_the_limit(filled: sa.Engine) -> None:
    found = tools.history(filled, HistoryArgs(tickers=("AAPL",), limit=3))
    assert (found.total, len(found.rows), found.rows[0].run_date) == (60, 3, LAST)
    some = tools.history(filled, HistoryArgs(start=date(2026, 4, 20), end=date(2026, 4, 21)))
    assert some.total == 10


def test_model_cards_and_headlines_are_read(filled: sa.Engine) -> None:
    cards = tools.model_cards(filled, ModelCardsArgs(tickers=("NVDA",)))
    assert [row.ticker for row in cards.rows] == ["NVDA"]
    (card,) = cards.rows
    assert card.test_skill_next_day is not None
    assert (card.train_windows, card.test_windows_next_day, card.test_windows_one_month) == (1728, 371, 350)
    for loss, naive, part in (
        (card.train_loss, card.persistence_train_loss, 0.05),
        (card.best_val_loss, card.persistence_val_loss, card.test_skill_total),
        (card.test_loss, card.persistence_test_loss, card.test_skill_total),
    ):
        assert loss is not None
        assert naive is not None
        assert 1 - loss / naive == pytest.approx(part)
    (signal,) = tools.predictions(filled, PredictionsArgs(tickers=("NVDA",))).rows
    latest = (card.signal_run_date, card.implied_1m_return_pct, card.bucket)
    assert latest == (signal.run_date, signal.implied_1m_return_pct, signal.bucket)
    # A forecast takes less than a millisecond, and is not told as nothing.
    assert f"| {card.inference_sec:.6f} |" in compact(cards)
    news = tools.headlines(filled, HeadlinesArgs(days=365, limit=2))
    (stored,) = query(filled, "SELECT count(*) AS n, max(published_at)::date AS newest FROM news_headlines")
    assert (news.total, news.as_of) == (stored["n"], stored["newest"])
    assert len(news.rows) == 2


def test_an_empty_database_gives_empty_results(engine: sa.Engine) -> None:
    for name in NAMES:
        result = box(engine).call(name, {})
        assert (result.total, result.as_of) == (0, None)


def test_a_group_narrows_every_tool(filled: sa.Engine) -> None:
    for name in NAMES:
        inside = box(filled, "semis").call(name, {"limit": 200})
        rows = getattr(inside, "rows")  # noqa: B009 - each result has rows of its own type
        assert {row.ticker for row in rows} == (set() if name == "tqqq_signal" else {"AMD", "NVDA"})
        assert box(filled).call(name, {"group": "semis", "limit": 200}) == inside
        with pytest.raises(ToolRefused, match="has no AAPL"):
            box(filled, "semis").call(name, {"tickers": ["AAPL"]})


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("drop_tables", {}, "there is no tool 'drop_tables'; there are predictions, accuracy"),
        ("predictions", "not json", "no JSON object"),
        ("predictions", [1], "must be a JSON object"),
        ("predictions", {"limit": 10**9}, "limit: Input should be less than or equal to 200"),
        (
            "confidence",
            {"where": "1=1"},
            "no parameter 'where' here; there are: tickers, limit, session, horizon, group",
        ),
        ("predictions", {"session": "yesterday"}, "session: Input should be a valid date"),
        ("history", {"tickers": ["'; DROP TABLE x; --"]}, "tickers.0: String should match pattern"),
        ("history", {"tickers": ["ZZZZ"]}, "not in the universe: ZZZZ"),
        ("history", {"group": "nobody"}, "no group 'nobody'"),
        ("history", {"group": 7}, "group must be the name of a group"),
        ("history", "[" * 100_000, "longer than"),
        ("history", "[" * 15_000, "no JSON object"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_to_change(
    engine: sa.Engine, name: str, arguments: object, says: str
) -> None:
    with pytest.raises(ToolRefused) as refused:
        box(engine).call(name, arguments)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("given", ["AAPL", "aapl, AMD", ["AAPL", "AAPL"], None])
def test_tickers_are_taken_as_models_write_them(given: object) -> None:
    args = HistoryArgs.model_validate({"tickers": given})
    assert set(args.tickers) <= {"AAPL", "AMD"}


def test_no_argument_asks_for_more_than_the_cap() -> None:
    with pytest.raises(ValidationError):
        HistoryArgs(limit=MOST_ROWS + 1)


def test_schemas_are_plain_objects_that_small_models_can_follow() -> None:
    for tool in TOOLS:
        schema = tool.schema()
        assert schema["type"] == "object"
        assert {"tickers", "group", "limit"} <= set(schema["properties"])
        for field in schema["properties"].values():
            assert isinstance(field["type"], str)
