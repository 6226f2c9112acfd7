"""A process that starts others as Dagster's code server does, with runs that start warm, and prints how each began.

python -m ldtm_platform_tests.stack.warm universe.toml
"""

import json
import multiprocessing
import os
import signal
import sys
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any

from ldtm_platform.stack.warm_runs import LOADED, fork_runs

AT_ONCE = 4
Begun = dict[str, Any]


def main() -> None:
    """Start processes: a few at once, others once the server lost its socket, was killed, the universe was edited."""
    universe = Path(sys.argv[1])
    fork_runs(universe)
    begun = {"warm": _started(AT_ONCE)}
    for socket in Path(get_temp_dir()).glob("listener-*"):
        socket.unlink()
    begun["without a socket"] = _started(2)
    server = begun["warm"][0]["parent"]
    os.kill(server, signal.SIGKILL)
    os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
    begun["after a kill"] = _started(1)
    universe.write_text(universe.read_text() + "# edited")
    begun["after an edit"] = _started(1)
    print(json.dumps({"me": os.getpid(), **begun}))


def _started(count: int) -> list[Begun]:
    """What processes that run at the same time tell of their beginning."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    processes = [context.Process(target=_tell, args=(told,)) for _ in range(count)]
    for process in processes:
        process.start()
    begun: list[Begun] = [told.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return [{**each, "codes": [process.exitcode for process in processes]} for each in begun]


def _tell(told: "multiprocessing.Queue[Begun]") -> None:
    begun = {
        "parent": os.getppid(),
        "lacks": [name for name in LOADED if name not in sys.modules],
        "torch": "torch" in sys.modules,
    }
    # Threads that computed in the server would be missing here, and whoever waits for them would wait for ever.
    import numpy as np
    import polars as pl

    frame = pl.DataFrame({"group": np.arange(200_000) % 7, "one": np.ones(200_000)})
    summed = frame.lazy().group_by("group").agg(pl.col("one").sum()).collect()["one"].sum()
    product = float((np.ones((300, 300)) @ np.ones((300, 300)))[0, 0])
    told.put({**begun, "computed": [summed, product]})


if __name__ == "__main__":
    main()
