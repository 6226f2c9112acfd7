"""A process that does the same work twice, measured from outside: time, processor time and memory of it and its own."""

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.processes import pss_mib
from ldtm_platform.stack.supervisor import family

# Reading a large process's memory map takes milliseconds of a processor.
_EVERY_S = 0.2


@dataclass(frozen=True)
class Phases:
    """From the start to the end of the first piece of work (cold), of the second (warm), and the peak of all."""

    cold_s: float
    warm_s: float
    cold_cpu_s: float
    warm_cpu_s: float
    peak_mib: float

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.cold_s:.1f} s cold, {self.warm_s:.1f} s warm, {self.peak_mib:.0f} MiB"


def measured(command: Sequence[str]) -> Phases:
    """Run a command that prints, each time when it has done the work, its processor seconds and its peak in MiB.

    The peak is the process's own, or of it and its children together where a look at them saw more: shared memory is
    counted once. Raises CalledProcessError when it fails.
    """
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        seen = _Peak(process.pid)
        assert process.stdout is not None
        told = [(time.perf_counter(), *map(float, line.split())) for line in process.stdout]
        seen.stop()
    if process.returncode or len(told) != 2:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    (first, first_cpu, _), (second, second_cpu, own) = told
    return Phases(first - started, second - first, first_cpu, second_cpu - first_cpu, max(own, seen.mib))


class _Peak:
    """The most memory that a process and its children were seen to hold."""

    def __init__(self, pid: int) -> None:
        self.mib, self._root, self._done = 0.0, pid, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(_EVERY_S):
            self.mib = max(self.mib, pss_mib(family(self._root)))
