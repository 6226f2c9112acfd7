"""Runs that start warm: forked from a process that has the platform loaded, in place of two seconds of imports each.

Dagster's code server starts a process a run, by `get_context("spawn").Process` (dagster/_grpc/server.py, which has no
setting for it; Dagster's version is pinned). How such a process is launched is one function of its class, of which all
else is left as it is: a run's exit code, its end by a signal, the event that asks it to stop.
"""

import warnings
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess, SpawnProcess
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
    """From now on, let processes that this one would spawn be forked from a server that loads the platform meanwhile.

    Once the code, the universe or the installed packages have changed, they are spawned and load what is there; so they
    are, with a warning, where the server cannot be had.
    """
    forkserver.set_forkserver_preload(list(LOADED))
    try:
        loaded = code_print(universe)
        forkserver.ensure_running()
    except OSError as error:  # The path of a socket is short: the folder for temporary files may be too deep.
        _warn(error)
        return
    fork, spawn = ForkServerProcess._Popen, SpawnProcess._Popen

    def launch(process: BaseProcess) -> Any:  # noqa: ANN401 - multiprocessing has no common type for what it launches
        try:
            if code_print(universe) == loaded:
                return fork(process)
        # The server's socket was removed, or the server died before it read what to run.
        except (OSError, EOFError) as error:
            _warn(error)
        return spawn(process)

    SpawnProcess._Popen = staticmethod(launch)  # type: ignore[assignment,method-assign]


def _warn(error: Exception) -> None:
    """Once for each error, however many runs meet it: from one line, which Python repeats no warning of."""
    warnings.warn(f"runs are spawned and start two seconds later, as none can be forked: {error!r}", stacklevel=1)
