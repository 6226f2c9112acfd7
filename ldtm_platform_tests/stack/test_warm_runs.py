"""Runs that start warm: forked from what has the platform loaded, spawned where that is no longer what is there."""

import json
import os
import subprocess
import sys
from pathlib import Path

from ldtm_platform.universe import DEFAULT_UNIVERSE


def test_processes_are_forked_with_everything_loaded_but_pytorch_until_the_universe_changes(tmp_path: Path) -> None:
    universe = tmp_path / "universe.toml"
    universe.write_text(DEFAULT_UNIVERSE.read_text())
    found = subprocess.run(
        [sys.executable, "-m", "ldtm_platform_tests.stack.warm", str(universe)],
        env={**os.environ, "LDTM_UNIVERSE": str(universe)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    begun = json.loads(found.stdout)
    forked = [*begun["warm"], *begun["after a kill"]]
    (spawned,) = begun["after an edit"]
    for each in forked:
        assert each["parent"] != begun["me"]
        assert each["lacks"] == []
    assert spawned["parent"] == begun["me"]
    assert "ldtm_platform.definitions" in spawned["lacks"]
    # One server for all, another one once it has died.
    assert len({each["parent"] for each in begun["warm"]}) == 1
    assert begun["after a kill"][0]["parent"] != begun["warm"][0]["parent"]
    for each in (*forked, spawned):
        # Forking after CUDA was initialised is forbidden: the server cannot have.
        assert not each["torch"]
        assert each["computed"] == [200_000, 300]
        assert set(each["codes"]) == {0}
