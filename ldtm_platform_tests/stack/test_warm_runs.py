"""Runs that start warm: forked from what has the platform loaded, spawned where that is out of date or cannot be."""

import json
import os
import subprocess
import sys
from pathlib import Path

from ldtm_platform.universe import DEFAULT_UNIVERSE

WARNING = "UserWarning: runs are spawned"
# One process, whose exit code it prints.
STARTS_ONE = """
import multiprocessing, sys
from pathlib import Path
from ldtm_platform.stack.warm_runs import fork_runs

fork_runs(Path(sys.argv[1]))
process = multiprocessing.get_context("spawn").Process(target=sys.exit, args=(7,))
process.start()
process.join()
print(process.exitcode)
"""


def test_processes_are_forked_with_everything_loaded_but_pytorch_until_the_universe_changes(tmp_path: Path) -> None:
    universe = tmp_path / "universe.toml"
    universe.write_text(DEFAULT_UNIVERSE.read_text())
    found = _python("-m", "ldtm_platform_tests.stack.warm", str(universe), LDTM_UNIVERSE=str(universe))
    begun = json.loads(found.stdout)
    forked = [*begun["warm"], *begun["after a kill"]]
    spawned = [*begun["without a socket"], *begun["after an edit"]]
    for each in forked:
        assert each["parent"] != begun["me"]
        assert each["lacks"] == []
    for each in spawned:
        assert each["parent"] == begun["me"]
        assert "ldtm_platform.definitions" in each["lacks"]
    # Two runs met the lost socket; an edit is no error.
    assert found.stderr.count(WARNING) == 1
    # One server for all, another one once it has died.
    assert len({each["parent"] for each in begun["warm"]}) == 1
    assert begun["after a kill"][0]["parent"] != begun["warm"][0]["parent"]
    for each in (*forked, *spawned):
        # Forking after CUDA was initialised is forbidden: the server cannot have.
        assert not each["torch"]
        assert each["computed"] == [200_000, 300]
        assert set(each["codes"]) == {0}


def test_processes_are_spawned_where_a_server_s_socket_has_no_place(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 98)
    deep.mkdir()
    found = _python("-c", STARTS_ONE, str(DEFAULT_UNIVERSE), TMPDIR=str(deep))
    assert found.stdout == "7\n"
    assert found.stderr.count(WARNING) == 1


def _python(*given: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    found = subprocess.run(
        [sys.executable, *given],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    return found
