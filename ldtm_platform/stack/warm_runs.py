"""Runs that start warm: forked from a process that has the platform loaded, in place of two seconds of imports each.

Dagster's code server starts a process a run, by `get_context("spawn").Process` (dagster/_grpc/server.py, which has no
setting for it; Dagster's version is pinned). multiprocessing hands out one such context a process, so that giving it
another maker of processes is all it takes. What Dagster knows of a run's process holds as before: its exit code, its
end by a signal, the event that asks it to stop.
"""

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ldtm_platform.worker.agreement import code_print

# What every evening's run comes to load; the last one keeps the garbage collector off what all have made. None of them
# may touch CUDA, which no fork survives, nor start to compute: PyTorch is imported by the runs that need it.
LOADED = (
    *("dagster._cli", "dagster._grpc.impl", "numpy.random", "psycopg", "psycopg2", "scipy.special", "upath"),
    *("ldtm_platform.stack.dagster_storage", "ldtm_platform.definitions"),
)


def fork_runs(universe: Path) -> None:
    """From now on, let this process's spawn context fork from a server that loads the platform meanwhile.

    Once the code, the universe or the installed packages have changed, processes are spawned and load what is there.
    """
    loaded = code_print(universe)
    spawned, forked = multiprocessing.get_context("spawn"), multiprocessing.get_context("forkserver")
    spawn, fork = spawned.Process, forked.Process

    def process(*args: Any, **kwargs: Any) -> BaseProcess:  # noqa: ANN401 - what a Process takes
        return (fork if code_print(universe) == loaded else spawn)(*args, **kwargs)

    spawned.Process = process  # type: ignore[assignment,misc]
    forked.set_forkserver_preload(list(LOADED))
    forkserver.ensure_running()
