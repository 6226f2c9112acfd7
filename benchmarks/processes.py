"""Processor time and memory of processes, for every benchmark alike."""

import resource
from collections.abc import Sequence
from pathlib import Path

import psutil


def own_cpu_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """Processor time of the processes and of their children that have ended."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def pss_mib(processes: Sequence[psutil.Process]) -> float:
    """Their proportional set sizes in sum: a page that several share counts in equal parts."""
    return sum(_pss(process.pid) for process in processes) / 1024


def server_pid(data: Path) -> int:
    """The process of the PostgreSQL whose data are in a folder."""
    return int((data / "postmaster.pid").read_text().split()[0])


def _pss(pid: int) -> int:
    """KiB; 0 where the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
