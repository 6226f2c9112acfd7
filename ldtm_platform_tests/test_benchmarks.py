"""`python -m benchmarks`: what was promised beside the worst that was measured, and one failure stops nothing."""

from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.goals import Benchmark, Goal, benchmarks, rows_of, verdicts
from benchmarks.report import Row

FAST = Goal("fast, s", {"what": "paint*"}, "p95", at_most=1.5)
PAINTS: list[Row] = [
    {"what": "paint of one", "p95": 1.0},
    {"what": "paint of two", "p95": 2.0},
    {"what": "memory", "p95": 300.0},
]


@pytest.mark.parametrize(
    ("goal", "measured", "kept"),
    [
        (FAST, 2.0, "NO"),
        (Goal("fast, s", {"what": "paint of one"}, "p95", at_most=1.5), 1.0, "yes"),
        (Goal("times", {"what": "paint*"}, "p95", at_least=1.5), 1.0, "NO"),
        (Goal("times", {"what": "paint*"}, "p95", at_least=1.0), 1.0, "yes"),
        (Goal("another", {"what": "callback*"}, "p95", at_most=1.5), None, "not measured"),
    ],
)
def test_the_worst_row_decides(goal: Goal, measured: float | None, kept: str) -> None:
    (line,) = verdicts(Benchmark("paints", 1, goals=(goal,)), PAINTS)
    assert (line["measured"], line["kept"]) == (measured, kept)


def test_a_benchmark_that_failed_has_its_reason_at_every_goal() -> None:
    (line,) = verdicts(Benchmark("paints", 1, goals=(FAST,)), [], "failed (exit code 3)")
    assert (line["promised"], line["kept"]) == ("at most 1.5", "failed (exit code 3)")


def test_a_goal_of_other_processors_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    both = (
        Goal("more", {}, "p95", at_least=6.0, with_cpu=["amx_bf16"]),
        Goal("less", {}, "p95", at_least=1.5, without_cpu=["amx_bf16"]),
    )
    for features, named in (({"avx2", "amx_bf16"}, "more"), ({"avx2"}, "less")):
        monkeypatch.setattr("benchmarks.goals.processor_features", lambda found=features: frozenset(found))
        assert [line["goal"] for line in verdicts(Benchmark("paints", 1, goals=both), PAINTS)] == [named]


def test_a_goal_has_one_bound() -> None:
    with pytest.raises(ValueError, match="either at_least or at_most"):
        Goal("none", {}, "p95")


def test_the_file_of_promises_can_be_read() -> None:
    known = benchmarks()
    assert {"training", "inference", "upsert", "dashboard"} <= {each.name for each in known}
    assert all(each.minutes > 0 for each in known)


def test_one_that_fails_or_dawdles_is_told_and_what_was_measured_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules of a folder of their own, run as those of the project are."""
    package = tmp_path / "benchmarks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "broken.py").write_text("raise SystemExit(3)")
    (package / "endless.py").write_text("import time; time.sleep(300)")
    broken_promise = 'import sys, pathlib; pathlib.Path(sys.argv[-1]).write_text(\'{"rows": [{"s": 1}]}\'); sys.exit(1)'
    (package / "measured.py").write_text(broken_promise)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "benchmarks.nowhere" else name)
    told = {name: command.run(Benchmark(name, 0.2 if name != "endless" else 0.01), tmp_path / f"{name}.json")
            for name in ("broken", "endless", "measured", "nowhere")}  # fmt: skip
    assert told == {
        "broken": "failed (exit code 3)",
        "endless": "took longer than 0.01 minutes",
        "measured": None,
        "nowhere": "there is no benchmarks/nowhere.py",
    }
    assert rows_of(tmp_path / "measured.json") == [{"s": 1}]
    assert rows_of(tmp_path / "broken.json") == []
