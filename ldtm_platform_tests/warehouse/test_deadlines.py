"""Statements past their time are cancelled, those within it are not, and one failure to cancel stops nothing."""

import threading
import time

import psycopg
import pytest
import sqlalchemy as sa

from ldtm_platform.warehouse.bulk import driver_connection
from ldtm_platform.warehouse.deadlines import Deadlines


def sleep(engine: sa.Engine, deadlines: Deadlines, *, slept: float, limit: float) -> None:
    with engine.connect() as connection:
        driver = driver_connection(connection)
        with deadlines.limited(driver, limit):
            driver.execute("SELECT pg_sleep(%s)", (slept,))


def test_what_runs_too_long_is_cancelled_again_and_again_and_the_rest_is_left_alone(engine: sa.Engine) -> None:
    deadlines = Deadlines()
    for _ in range(2):
        # The short one ends while the long one is watched.
        short = threading.Thread(target=sleep, args=(engine, deadlines), kwargs={"slept": 0.1, "limit": 20})
        short.start()
        started = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            sleep(engine, deadlines, slept=60, limit=0.2)
        assert time.monotonic() - started < 30
        short.join()
        sleep(engine, deadlines, slept=0.0, limit=20)


def test_a_connection_that_is_gone_does_not_end_the_watch(engine: sa.Engine) -> None:
    deadlines = Deadlines()
    with engine.connect() as connection:
        gone = driver_connection(connection)
        gone.close()
        with deadlines.limited(gone, 0.0):
            time.sleep(0.6)
        connection.invalidate()
    with pytest.raises(psycopg.errors.QueryCanceled):
        sleep(engine, deadlines, slept=60, limit=0.2)
