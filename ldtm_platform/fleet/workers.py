"""An engine of worker processes: each trains one ticker at a time, on one thread, and takes the next when done.

On a CPU this is what is fastest in plain PyTorch: stacking networks gains nothing there. Processes are spawned, not
forked: a fork of a process with threads (Dagster's, PyTorch's) may hang.
"""

import signal
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from os import _exit
from threading import Thread

import torch

from ldtm_platform.fleet.engine import Engine
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.progress import EpochDone, Watch, unwatched
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.ticker import Place, train_ticker
from ldtm_platform.models.base import History
from ldtm_platform.models.network_family import NetworkFamily


class WorkerProcesses(Engine):
    """Up to `count` processes; one that dies costs the ticker it had in hand and is replaced."""

    def __init__(
        self, count: int, device: torch.device, kernel: Kernel | None = None, watch: Watch = unwatched
    ) -> None:
        self.count = count
        self.place, self.watch = Place(device, kernel), watch

    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        """One result per history, as each is done."""
        waiting = deque(histories)
        idle = [_start(family, seed, self.place) for _ in range(min(self.count, len(histories)))]
        busy: dict[Connection, _Worker] = {}
        try:
            while waiting or busy:
                while waiting and idle:
                    worker = idle.pop()
                    history = waiting.popleft()
                    busy[worker.pipe] = _Worker(worker.process, worker.pipe, history.ticker)
                    _hand_over(worker, history)
                ready = wait(list(busy))
                for pipe in [pipe for pipe in busy if pipe in ready]:
                    worker = busy[pipe]
                    result, alive = _outcome(worker)
                    if isinstance(result, EpochDone):
                        self.watch(result)
                        continue
                    del busy[pipe]
                    if alive:
                        idle.append(worker)
                    elif len(idle) < len(waiting):
                        idle.append(_start(family, seed, self.place))
                    yield result
        finally:
            for worker in (*idle, *busy.values()):
                worker.stop()


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    pipe: "Connection[History, EpochDone | Trained | Unfit]"
    ticker: str = ""

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _start(family: NetworkFamily, seed: int, place: Place) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, family, seed, place), daemon=True, name="ldtm-training")
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _hand_over(worker: _Worker, history: History) -> None:
    try:
        worker.pipe.send(history)
    except BrokenPipeError:
        # It died before it took the ticker; its end of the pipe reads as closed, which _outcome reports.
        return


def _outcome(worker: _Worker) -> tuple[EpochDone | Trained | Unfit, bool]:
    """What the worker has to tell, an epoch or its result, and whether it lives."""
    try:
        return worker.pipe.recv(), True
    except (EOFError, ConnectionResetError):
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        worker.stop()
        message = (
            f"{worker.ticker}: its training process {how}. If memory ran out, use fewer workers; then train it again"
        )
        return Unfit(worker.ticker, "failed", message), False


def _work(
    pipe: "Connection[EpochDone | Trained | Unfit, History]", family: NetworkFamily, seed: int, place: Place
) -> None:
    # Ctrl-C reaches the whole group of processes: the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            history = pipe.recv()
        except EOFError:
            return
        pipe.send(train_ticker(family, history, seed=seed, place=place, watch=pipe.send))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        _exit(1)
