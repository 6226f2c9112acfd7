"""What processes take while they work: wall and processor time, and memory, PostgreSQL's told apart."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import cpu_seconds, pss_mib, server_pid
from ldtm_platform.stack.supervisor import family

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
    server = server_pid(postgres)
    before, server_before = cpu_seconds(family(root)), cpu_seconds(family(server))

    def look() -> None:
        ours = [each for each in family(root) if each.pid != server]
        taken.cpu_sec = max(taken.cpu_sec, cpu_seconds(ours) - before)
        taken.peak_mib = max(taken.peak_mib, pss_mib(ours))
        taken.postgres_peak_mib = max(taken.postgres_peak_mib, pss_mib(family(server)))

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
        taken.postgres_cpu_sec = cpu_seconds(family(server)) - server_before
