"""What was promised of each benchmark, and whether the numbers that it left keep it."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.report import Row, processor_features

PROMISES = Path(__file__).with_name("promises.toml")


@dataclass(frozen=True)
class Goal:
    """A bound of a column in those rows whose columns have given words (* for any); the worst row decides."""

    what: str
    row: Mapping[str, str]
    column: str
    at_least: float | None = None
    at_most: float | None = None
    with_cpu: Sequence[str] = ()
    without_cpu: Sequence[str] = ()

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"the goal {self.what!r} needs either at_least or at_most")

    @property
    def promised(self) -> str:
        """The bound in words."""
        return f"at most {self.at_most:g}" if self.at_least is None else f"at least {self.at_least:g}"

    def is_for(self, features: frozenset[str]) -> bool:
        """Whether it is promised on a processor with these features."""
        return (not self.with_cpu or not features.isdisjoint(self.with_cpu)) and features.isdisjoint(self.without_cpu)

    def measured(self, rows: Sequence[Row]) -> float | None:
        """The worst of the rows that are meant; None where there is none."""
        meant = [row for row in rows if all(fnmatchcase(str(row.get(k, "")), words) for k, words in self.row.items())]
        values = [value for row in meant if isinstance(value := row.get(self.column), int | float)]
        return (min(values) if self.at_most is None else max(values)) if values else None

    def keeps(self, value: float) -> bool:
        """Whether a measured value keeps the promise."""
        return value <= self.at_most if self.at_most is not None else value >= (self.at_least or 0)


@dataclass(frozen=True)
class Benchmark:
    """A module of this folder, what it is run with, how long it may take, and its goals."""

    name: str
    minutes: float
    arguments: Sequence[str] = ()
    goals: Sequence[Goal] = field(default_factory=tuple)
    needs_gpu: bool = False


def benchmarks(path: Path = PROMISES) -> list[Benchmark]:
    """All that there are, in the order in which they run."""
    found = []
    for name, told in tomllib.loads(path.read_text()).items():
        goals = tuple(Goal(**goal) for goal in told.pop("goals", ()))
        found.append(Benchmark(name, goals=goals, **told))
    return found


def rows_of(path: Path) -> list[Row]:
    """The rows of a benchmark's JSON; none where it left no file."""
    if not path.exists():
        return []
    document: Mapping[str, Any] = json.loads(path.read_text())
    rows: list[Row] = document.get("rows") or document.get("lines") or []
    return rows


def verdicts(benchmark: Benchmark, rows: Sequence[Row], trouble: str | None = None) -> list[Row]:
    """A line a goal: promised, measured, and whether it is kept; `trouble` says why nothing was measured."""
    features, lines = processor_features(), []
    for goal in benchmark.goals:
        if not goal.is_for(features):
            continue
        value = goal.measured(rows)
        kept = (trouble or "not measured") if value is None else "yes" if goal.keeps(value) else "NO"
        line: Row = {
            "benchmark": benchmark.name,
            "goal": goal.what,
            "promised": goal.promised,
            "measured": None if value is None else float(value),
            "kept": kept,
        }
        lines.append(line)
    return lines
