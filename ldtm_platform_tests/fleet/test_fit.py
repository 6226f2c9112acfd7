"""Fitting a fleet: one result a ticker, the same alone or among others, and no ticker stops another."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from multiprocessing import active_children
from pathlib import Path

import polars as pl
import psutil
import pytest

from ldtm_platform.fleet.device import DeviceRefused
from ldtm_platform.fleet.engine import OneByOne
from ldtm_platform.fleet.fit import choose_engine, fit_fleet, planned_version
from ldtm_platform.fleet.results import FitResult, Fitted, Unfit
from ldtm_platform.fleet.stacked.engine import Stacked
from ldtm_platform.fleet.workers import WorkerProcesses
from ldtm_platform.models.base import History, TooLittleHistory
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.network_family import NetworkFamily, Parts
from ldtm_platform_tests.models.generated import TINY, random_history

ROOT = Path(__file__).parents[2]
AAA, BBB, CCC = (random_history(ticker, rows) for ticker, rows in (("AAA", 300), ("BBB", 260), ("CCC", 280)))
SHORT = random_history("SHORT", 162)
NAN = History("NAN", AAA.frame.with_columns(ret5=pl.lit(float("nan"))))


@dataclass(frozen=True)
class Deadly(Ldtm):
    """Kills its own process when it meets the ticker BBB, as the kernel does when memory runs out."""

    def parts(self, history: History) -> Parts:
        if history.ticker == "BBB":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().parts(history)


def fit(
    histories: list[History], *, family: NetworkFamily = TINY, seed: int = 0, workers: int = 1
) -> dict[str, FitResult]:
    results = list(fit_fleet(family, histories, seed=seed, workers=workers, device="cpu"))
    assert sorted(result.ticker for result in results) == sorted(history.ticker for history in histories)
    return {result.ticker: result for result in results}


def weights(result: FitResult) -> bytes:
    assert isinstance(result, Fitted)
    return result.weights


def test_a_manifest_says_where_the_model_comes_from_and_what_it_is_worth() -> None:
    result = fit([AAA])["AAA"]
    assert isinstance(result, Fitted)
    manifest = result.manifest
    assert manifest.version == planned_version(TINY, AAA, seed=0)
    assert manifest.trained_through == manifest.price_basis == AAA.through
    assert (manifest.rows, manifest.epochs_run, manifest.seed, manifest.device) == (300, 2, 0, "cpu")
    assert manifest.data_hash == AAA.data_hash()
    assert manifest.config == TINY.config
    for part in ("validation", "test"):
        assert set(manifest.skill[part]) == {"next_day", "next_monday", "one_month", "total"}
    assert manifest.test_loss is not None
    assert (set(manifest.skill["train"]), set(manifest.windows)) == ({"total"}, {"train", "validation", "test"})
    # 271 windows, the last without a label: 189, 41 and 40, and of the first two one is purged.
    assert [part["total"] for part in manifest.windows.values()] == [188, 40, 40]
    assert manifest.windows["test"]["one_month"] == 20
    assert manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_a_model_is_the_same_to_the_last_bit_alone_in_a_fleet_and_in_any_order() -> None:
    alone = weights(fit([AAA])["AAA"])
    assert weights(fit([CCC, AAA, BBB])["AAA"]) == alone
    assert weights(fit([AAA, CCC])["AAA"]) == alone


def test_worker_processes_give_what_one_process_gives_and_name_what_cannot_be_trained() -> None:
    here, there = fit([AAA, SHORT, BBB, NAN, CCC]), fit([AAA, SHORT, BBB, NAN, CCC], workers=2)
    for ticker in ("AAA", "BBB", "CCC"):
        assert weights(here[ticker]) == weights(there[ticker])
    for results in (here, there):
        short, nan = results["SHORT"], results["NAN"]
        assert isinstance(short, Unfit)
        assert isinstance(nan, Unfit)
        assert short.state == "too_little_history"
        assert "SHORT has 162 feature rows" in short.message
        assert nan.state == "failed"
        assert "NAN: ret5 is no number" in nan.message
    assert not active_children()


def test_a_cpu_trains_by_the_loop_unless_stacks_are_asked_for() -> None:
    for engine in ("auto", "loop"):
        for workers, kind in ((1, OneByOne), (2, WorkerProcesses)):
            assert type(choose_engine(workers, "cpu", engine=engine)) is kind
    assert type(choose_engine(2, "cpu", engine="stacked")) is Stacked


def test_another_seed_gives_another_model_and_another_version() -> None:
    assert weights(fit([AAA])["AAA"]) != weights(fit([AAA], seed=1)["AAA"])
    assert planned_version(TINY, AAA, seed=0) != planned_version(TINY, AAA, seed=1)


def test_other_data_or_settings_give_another_version() -> None:
    longer = Ldtm(replace(TINY.settings, max_epochs=3))
    versions = {planned_version(TINY, AAA, seed=0), planned_version(longer, AAA, seed=0)}
    assert len(versions | {planned_version(TINY, History("AAA", AAA.frame.head(299)), seed=0)}) == 3
    with pytest.raises(TooLittleHistory):
        planned_version(TINY, SHORT, seed=0)


def test_training_that_diverges_fails_by_name_and_the_others_go_on() -> None:
    wild = Ldtm(replace(TINY.settings, learning_rate=1e30))
    result = fit([AAA, SHORT], family=wild)["AAA"]
    assert isinstance(result, Unfit)
    assert result.state == "failed"
    assert "AAA: training failed: the loss is" in result.message


def test_a_killed_worker_costs_its_own_ticker_and_no_other() -> None:
    results = fit([BBB, AAA, CCC], family=Deadly(TINY.settings), workers=2)
    lost = results["BBB"]
    assert isinstance(lost, Unfit)
    assert "BBB: its training process was killed by SIGKILL" in lost.message
    assert isinstance(results["AAA"], Fitted)
    assert isinstance(results["CCC"], Fitted)
    assert not active_children()


def test_results_come_one_by_one_and_closing_early_leaves_nothing_running() -> None:
    results = fit_fleet(TINY, [AAA, BBB, CCC], seed=0, workers=2, device="cpu")
    assert isinstance(next(results), Fitted)
    assert active_children()
    results.close()
    assert not active_children()


def test_workers_end_with_a_parent_that_is_killed() -> None:
    script = """
from multiprocessing import active_children
from pathlib import Path
from ldtm_platform.fleet.fit import fit_fleet
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform_tests.models.generated import random_history

if __name__ == "__main__":
    histories = [random_history("SHORT", 100), random_history("AAA", 900), random_history("BBB", 900)]
    results = fit_fleet(Ldtm(), histories, seed=0, workers=2, device="cpu")
    next(results)
    print(*(child.pid for child in active_children()), flush=True)
    next(results)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        workers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive


def test_an_empty_fleet_has_no_results() -> None:
    assert fit([]) == {}


def test_a_ticker_twice_or_a_device_that_is_not_there_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(ValueError, match="more than once: AAA"):
        fit_fleet(TINY, [AAA, AAA], seed=0, workers=1, device="cpu")
    with pytest.raises(DeviceRefused, match="XLA"):
        fit_fleet(TINY, [AAA], seed=0, workers=1, device="xla")
