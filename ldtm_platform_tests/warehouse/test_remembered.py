"""A slow read is made once, and again when something was written; nobody waits for the second time."""

import time
from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.warehouse import reads, remembered
from ldtm_platform.warehouse.writes import append_predictions
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.warehouse.rows import forecast, store_bars

LAST = date(2026, 4, 22)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_it_is_read_once_until_a_prediction_is_written(engine: sa.Engine) -> None:
    fill(engine, tickers=("AAPL", "AMD"), sessions=sessions_through(LAST, 10))
    first = remembered.prediction_skill(engine)
    assert first.equals(reads.prediction_skill(engine))
    assert remembered.prediction_skill(engine) is first

    store_bars(engine, "NVDA", {date(2026, 4, 20): 100.0, date(2026, 4, 21): 101.0})
    with engine.begin() as connection:
        append_predictions(connection, forecast("NVDA", {"next_day": 102.0}, run_date=date(2026, 4, 20)))
    # The old one at once, while the new one is being read.
    assert remembered.prediction_skill(engine) is first
    assert eventually(lambda: remembered.prediction_skill(engine)["n"].sum() == first["n"].sum() + 1)


def test_a_server_reads_before_anybody_asks(engine: sa.Engine) -> None:
    fill(engine, tickers=("AAPL",), sessions=sessions_through(LAST, 10))
    remembered.begin(engine).join()
    asked: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: asked.append(statement))
    assert remembered.prediction_skill(engine)["n"].sum() > 0
    assert not any("ldtm_prediction_errors" in statement for statement in asked)


def test_without_a_database_the_first_caller_reads() -> None:
    nowhere = sa.create_engine("postgresql+psycopg://127.0.0.1:1/ldtm")
    remembered.begin(nowhere).join()
    with pytest.raises(sa.exc.OperationalError):
        remembered.prediction_skill(nowhere)
    nowhere.dispose()


def test_engines_do_not_share_what_they_remember(engine: sa.Engine) -> None:
    other = sa.create_engine(engine.url)
    assert remembered.prediction_skill(engine) is not remembered.prediction_skill(other)
    assert remembered.prediction_skill(engine).equals(pl.DataFrame(schema=reads.prediction_skill(engine).schema))
    other.dispose()
