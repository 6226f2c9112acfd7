"""What a stage costs while it runs: wall and processor time, and the most memory, of this process and its workers."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Cost:
    """Filled when the stage has ended. Processor time counts workers that have ended; memory is the larger peak.

    The peak is the process's since it began (the kernel keeps no other); gpu_peak_memory_mib is what PyTorch held at
    most, None without CUDA.
    """

    wall_sec: float = 0.0
    cpu_sec: float = 0.0
    peak_memory_mib: float = 0.0
    gpu_peak_memory_mib: float | None = None


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block, also when it fails."""
    cost = Cost()
    cuda = _cuda()
    if cuda:
        cuda.reset_peak_memory_stats()
    wall, processor = time.perf_counter(), _processor_seconds()
    try:
        yield cost
    finally:
        cost.wall_sec = time.perf_counter() - wall
        cost.cpu_sec = _processor_seconds() - processor
        cost.peak_memory_mib = max(_usage(who).ru_maxrss for who in _PROCESSES) / 1024
        # The stage itself may have been what imported torch.
        if cuda := _cuda():
            cost.gpu_peak_memory_mib = cuda.max_memory_allocated() / 2**20


_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _usage(who: int) -> resource.struct_rusage:
    return resource.getrusage(who)


def _processor_seconds() -> float:
    return sum(_usage(who).ru_utime + _usage(who).ru_stime for who in _PROCESSES)


def _cuda() -> Any:  # noqa: ANN401 - torch.cuda, which only stages that train or predict import
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
