"""Every stage of every run leaves a row of what it cost, also when it failed; status reads the newest of each."""

from pathlib import Path

from ldtm_platform.postgres.server import Connection
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
        assert cost["queue_sec"] is None or cost["queue_sec"] >= 0

        # SNDK is not listed yet at the end of the data.
        assert not ready.run("market_data_ingest", partition="SNDK").success
        ready.run("feature_engineering", partition="AMGN")
        costs = platform_status(ready.engine, ["AMGN"], END).costs
        assert costs.select("stage", "status").rows() == [("bars", "failed"), ("features", "success")]
