"""`ldtm signal`: the summary for people and as one JSON document, and a plain word where there is none."""

from collections.abc import Iterator

import pytest

from ldtm_platform.stages.signal import signal_sessions
from ldtm_platform_tests.cli.home import Home, quick_home
from ldtm_platform_tests.strategy.market import LAST, bars, days
from ldtm_platform_tests.warehouse.rows import store_bars


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with quick_home() as made, made.postgres.session():
        assert made.ldtm("init-db").code == 0
        yield made


def test_the_signal_is_told_exported_and_listed(home: Home) -> None:
    nothing = home.ldtm("signal")
    assert nothing.code == 1
    assert nothing.err.strip() == "no signal: it needs bars of TQQQ and SQQQ, and `ldtm pipeline`"

    with home.engine() as engine:
        for (ticker,), part in bars(400).partition_by("ticker", as_dict=True).items():
            store_bars(engine, str(ticker), dict(part.select("date", "close").rows()))
        list(signal_sessions(engine, days(3), cost_bp=5.0))

    document = home.ldtm("signal", "--json").json()
    assert document["session"] == LAST.isoformat()
    assert document["disclaimer"].startswith("Not investment advice")
    told = home.ldtm("signal", "--session", days(2)[0].isoformat()).out
    assert told.startswith(f"{days(2)[0]}: ")
    assert "confidence: not enough evidence" in told
    assert "Not enough evidence: 0 sessions" in told
    assert "buy and hold TQQQ" in told
    listed = home.ldtm("signal", "--history", "--json").json()
    assert [row["session"] for row in listed] == [day.isoformat() for day in days(3)]
