"""What every benchmark ends with: a table for people, and the same as JSON with the machine and the day."""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

Row = Mapping[str, str | int | float | None]


def best_of(count: int, work: Callable[[], object]) -> float:
    """The least seconds by the clock of so many tries."""
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def report(title: str, rows: Sequence[Row], path: Path | None) -> None:
    """Print the rows under a title; write them, where a path is given."""
    table = Table(title=f"{title}\n{machine()}", title_justify="left", box=None, pad_edge=False)
    for name, value in rows[0].items():
        table.add_column(name, justify="left" if isinstance(value, str) else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(f"{value:,.4g}" if isinstance(value, float) else str(value or "-") for value in row.values()))
    Console(width=160, highlight=False).print(table)
    if path:
        save(title, rows, path)


def save(title: str, rows: Sequence[Row], path: Path) -> None:
    """Write what a table shows as JSON."""
    path.write_text(json.dumps({"title": title, "machine": machine(), "rows": rows}, indent=1))


def machine() -> str:
    """Processor, cores and day."""
    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    day = datetime.now(UTC).date()
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {day}"


def processor_features() -> frozenset[str]:
    """What the processor can, in Linux's words ("avx512_bf16"); nothing where that is not known."""
    lines = [line.split(":")[1].split() for line in _cpuinfo() if line.startswith(("flags", "Features"))]
    return frozenset(lines[0] if lines else ())


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
