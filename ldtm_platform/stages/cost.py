"""What a stage costs while it runs: wall and processor time, and the most memory, of this process and its workers."""

import re
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
_OWN = Path("/proc/self")


@dataclass
class Cost:
    """Filled when the stage has ended. Processor time counts workers that have ended; memory is the larger peak.

    The peak is the process's while the stage ran, with what it held already as the stage began; where the kernel lets
    nobody begin anew (it is not Linux), the process's so far. A worker counts where it took more than every one before
    the stage. gpu_peak_memory_mib is what PyTorch held at most, None without CUDA.
    """

    wall_sec: float = 0.0
    cpu_sec: float = 0.0
    peak_memory_mib: float = 0.0
    gpu_peak_memory_mib: float | None = None


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block, also when it fails. Blocks in a process come one after the other, never one in another."""
    cost = Cost()
    cuda = _cuda()
    if cuda:
        cuda.reset_peak_memory_stats()
    _forget_peak()
    workers = _peak_mib(resource.RUSAGE_CHILDREN)
    wall, processor = time.perf_counter(), _processor_seconds()
    try:
        yield cost
    finally:
        cost.wall_sec = time.perf_counter() - wall
        cost.cpu_sec = _processor_seconds() - processor
        cost.peak_memory_mib = _own_peak_mib()
        if (since := _peak_mib(resource.RUSAGE_CHILDREN)) > workers:
            cost.peak_memory_mib = max(cost.peak_memory_mib, since)
        # The stage itself may have been what imported torch.
        if cuda := _cuda():
            cost.gpu_peak_memory_mib = cuda.max_memory_allocated() / 2**20


def _forget_peak() -> None:
    """Begin this process's high-water mark anew, from what it holds (proc_pid_clear_refs(5))."""
    with suppress(OSError):
        (_OWN / "clear_refs").write_text("5")


def _own_peak_mib() -> float:
    """The high-water mark; not ru_maxrss, which knows what the process that began this one held too."""
    with suppress(OSError):
        if mark := re.search(r"^VmHWM:\s+(\d+) kB$", (_OWN / "status").read_text(), re.MULTILINE):
            return int(mark[1]) / 1024
    return _peak_mib(resource.RUSAGE_SELF)


def _peak_mib(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in _PROCESSES]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _cuda() -> Any:  # noqa: ANN401 - torch.cuda, which only stages that train or predict import
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
