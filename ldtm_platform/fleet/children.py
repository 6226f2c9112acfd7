"""Processes that a training starts: spawned, each with a pipe, and gone when their parent is.

Spawned, not forked: a fork of a process with threads (Dagster's, PyTorch's) may hang.
"""

import signal
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from os import _exit
from threading import Thread
from typing import Any


def start_child(work: Callable[..., None], *arguments: object) -> "tuple[BaseProcess, Connection[Any, Any]]":
    """A process that does `work(pipe, *arguments)`, and our end of its pipe; a function of a module, to be found."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(work, theirs, *arguments), daemon=True, name="ldtm-training")
    process.start()
    theirs.close()
    return process, ours


def how_it_ended(process: BaseProcess) -> str:
    """What became of a process whose pipe is closed, in words; waits for its end."""
    process.join()
    code = process.exitcode or 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _work(work: Callable[..., None], *arguments: object) -> None:
    # Ctrl-C reaches the whole group of processes: the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    work(*arguments)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        _exit(1)
