"""What processes take while they work: wall and processor time, and memory, PostgreSQL's told apart."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY_SEC = 0.5


@dataclass
class Taken:
    """Filled when the watch ends. Memory is the highest sum of proportional set sizes (PSS) seen, sampled."""

    wall_sec: float = 0.0
    cpu_sec: float = 0.0
    postgres_cpu_sec: float = 0.0
    peak_mib: float = 0.0
    postgres_peak_mib: float = 0.0


@contextmanager
def watched(root: int, postgres: Path) -> Iterator[Taken]:
    """Watch a process and all that it starts, and beside them the server whose data are in a folder."""
    taken, over, started = Taken(), threading.Event(), time.perf_counter()
    server = int((postgres / "postmaster.pid").read_text().split()[0])
    before, server_before = _cpu(_family(root)), _cpu(_family(server))

    def look() -> None:
        ours = [each for each in _family(root) if each.pid != server]
        taken.cpu_sec = max(taken.cpu_sec, _cpu(ours) - before)
        taken.peak_mib = max(taken.peak_mib, _pss_mib(ours))
        taken.postgres_peak_mib = max(taken.postgres_peak_mib, _pss_mib(_family(server)))

    def keep_looking() -> None:
        while not over.wait(EVERY_SEC):
            look()

    thread = threading.Thread(target=keep_looking, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        taken.wall_sec = time.perf_counter() - started
        over.set()
        thread.join()
        look()
        taken.postgres_cpu_sec = _cpu(_family(server)) - server_before


def _family(root: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processor time of the processes and of their children that have ended."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _pss_mib(processes: Sequence[psutil.Process]) -> float:
    return sum(_pss(process.pid) for process in processes) / 1024


def _pss(pid: int) -> int:
    """KiB; a page that several processes share counts in equal parts."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
