"""The daily run of the two funds on simulated prices: the signal of each session, with and without a model."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ldtm_platform.postgres.server import Connection
from ldtm_platform.sessions import sessions_between
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.defs.bench import Bench, bench

FUNDS = {"tickers": ["SQQQ", "TQQQ"]}
SESSIONS = sessions_between(date(2024, 7, 25), date(2024, 8, 1))


@pytest.fixture(scope="module")
def funds(server: Connection, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(server, template, tmp_path_factory.mktemp("home")) as ready:
        assert ready.run("ingest_tickers", ingest=FUNDS).success
        assert ready.run("engineer_tickers", engineer_features=FUNDS).success
        assert ready.on_range("daily_inference", SESSIONS[0].isoformat(), SESSIONS[-1].isoformat()).success
        yield ready


def test_the_daily_run_stores_a_signal_of_each_session_and_shows_it(funds: Bench) -> None:
    stored = reads.tqqq_signals(funds.engine)
    assert stored["session"].to_list() == SESSIONS
    for row in stored.rows(named=True):
        shown = funds.metadata("tqqq_signal", row["session"].isoformat())
        assert shown == {"signal": "stored", "says": row["exposure"]}


def test_the_daily_run_again_keeps_them(funds: Bench) -> None:
    before = reads.tqqq_signal(funds.engine)
    again = funds.run("daily_inference", partition=SESSIONS[-1].isoformat())
    assert again.success
    assert funds.metadata("tqqq_signal", SESSIONS[-1].isoformat())["signal"] == "known"
    assert reads.tqqq_signal(funds.engine).equals(before)


def test_without_forecasts_there_is_nothing_to_score(funds: Bench) -> None:
    shown = funds.metadata("ldtm_confidence", SESSIONS[-1].isoformat())
    assert (shown["dagster/partition_row_count"], shown["rows_new"]) == (0, 0)


@pytest.mark.parametrize("cost", ["-1", "2000", "five"])
def test_a_cost_that_cannot_be_one_is_refused(cost: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ldtm_platform.settings import load_settings

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LDTM_SIGNAL_COST_BP", cost)
    with pytest.raises(ValueError, match="signal_cost_bp"):
        load_settings()
