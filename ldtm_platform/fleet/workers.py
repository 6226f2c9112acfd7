"""An engine of worker processes: each trains one ticker at a time, on one thread, and takes the next when done.

On a CPU this is what is fastest in plain PyTorch: stacking networks gains nothing there.
"""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from ldtm_platform.fleet.children import how_it_ended, start_child
from ldtm_platform.fleet.engine import Engine
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.progress import Told, Watch, unwatched
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
                    if isinstance(result, list):
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
    pipe: "Connection[History, Told | Trained | Unfit]"
    ticker: str = ""

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _start(family: NetworkFamily, seed: int, place: Place) -> _Worker:
    return _Worker(*start_child(_work, family, seed, place))


def _hand_over(worker: _Worker, history: History) -> None:
    try:
        worker.pipe.send(history)
    except BrokenPipeError:
        # It died before it took the ticker; its end of the pipe reads as closed, which _outcome reports.
        return


def _outcome(worker: _Worker) -> tuple[Told | Trained | Unfit, bool]:
    """What the worker has to tell, an epoch or its result, and whether it lives."""
    try:
        return worker.pipe.recv(), True
    except (EOFError, ConnectionResetError):
        how = how_it_ended(worker.process)
        worker.stop()
        message = (
            f"{worker.ticker}: its training process {how}. If memory ran out, use fewer workers; then train it again"
        )
        return Unfit(worker.ticker, "failed", message), False


def _work(pipe: "Connection[Told | Trained | Unfit, History]", family: NetworkFamily, seed: int, place: Place) -> None:
    while True:
        try:
            history = pipe.recv()
        except EOFError:
            return
        pipe.send(train_ticker(family, history, seed=seed, place=place, watch=pipe.send))
