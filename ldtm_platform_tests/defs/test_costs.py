"""Every stage of every run leaves a row of what it cost, also when it failed; status reads the newest of each."""

import subprocess
import sys
from pathlib import Path

import pytest

from ldtm_platform.postgres.server import Connection
from ldtm_platform.stages.cost import measured
from ldtm_platform.stages.status import platform_status
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.defs.bench import bench
from ldtm_platform_tests.stages.fleet import END


def test_each_stage_of_a_run_leaves_its_cost_and_status_shows_the_newest(
    server: Connection, template: str, tmp_path: Path
) -> None:
    with bench(server, template, tmp_path) as ready:
        good = ready.run("market_data_ingest", partition="AMGN")
        (cost,) = reads.stage_costs(ready.engine).rows(named=True)
        assert (cost["stage"], cost["status"], cost["units"]) == ("bars", "success", 1)
        assert cost["dagster_run_id"] == good.run_id
        assert cost["wall_sec"] > 0
        assert cost["cpu_sec"] > 0
        assert cost["peak_memory_mib"] > 50
        assert cost["gpu_peak_memory_mib"] is None
        # Nothing queues a run in this process, as none of a terminal.
        assert cost["queue_sec"] is None

        # SNDK is not listed yet at the end of the data.
        assert not ready.run("market_data_ingest", partition="SNDK").success
        ready.run("feature_engineering", partition="AMGN")
        costs = platform_status(ready.engine, ["AMGN"], END).costs
        assert costs.select("stage", "status").rows() == [("bars", "failed"), ("features", "success")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux begins a high-water mark anew")
def test_a_stage_is_charged_with_its_own_peak_and_not_with_an_earlier_ones() -> None:
    with measured() as large:
        assert len(b"1" * (200 * 2**20))  # and it is free again
    with measured() as small:
        pass
    assert large.peak_memory_mib > small.peak_memory_mib + 150
    worker = [sys.executable, "-c", f"len(b'1' * ({int(small.peak_memory_mib) + 300} * 2**20))"]
    with measured() as forked:
        subprocess.run(worker, check=True)
    assert forked.peak_memory_mib > small.peak_memory_mib + 250
    with measured() as after:
        pass
    assert after.peak_memory_mib < forked.peak_memory_mib - 150
