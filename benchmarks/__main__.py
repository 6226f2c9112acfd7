"""All benchmarks in turn, and a table of what was promised beside what was measured.

    python -m benchmarks                     those of promises.toml, about 45 minutes on two cores, 95 at most
    python -m benchmarks dashboard upsert    only some
    python -m benchmarks --into FOLDER       where the numbers go as JSON, one file each and goals.json

One that fails, or takes longer than it may, is told and the next one runs. Exit code 1 when one failed; a goal that is
not kept stands in the table and fails nothing. Run it from the project's folder, on a machine that does nothing else.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.goals import Benchmark, benchmarks, rows_of, verdicts
from benchmarks.report import Row, report
from ldtm_platform.gpu import read_cards

RESULTS = Path(".artifacts") / "bench"
# After Ctrl-C a benchmark stops its servers and removes its folders.
LEAVING_SECONDS = 60


def main() -> None:
    """Run what is asked for, print the table, exit with 1 where a benchmark failed."""
    known = benchmarks()
    options = _options([each.name for each in known])
    options.into.mkdir(parents=True, exist_ok=True)
    lines: list[Row] = []
    troubles = []
    for each in known:
        if options.only and each.name not in options.only:
            continue
        if each.needs_gpu and not read_cards():
            lines += verdicts(each, [], "no GPU here")
            continue
        path = options.into / f"{each.name}.json"
        trouble = run(each, path)
        if trouble:
            troubles.append(f"{each.name}: {trouble}")
        lines += verdicts(each, rows_of(path), trouble)
    if lines:
        report("Promised and measured", lines, options.into / "goals.json")
    for trouble in troubles:
        print(f"not measured: {trouble}", file=sys.stderr)
    sys.exit(1 if troubles else 0)


def run(benchmark: Benchmark, path: Path) -> str | None:
    """Run one in a process of its own, its numbers into a file; why there are none, where there are none."""
    path.unlink(missing_ok=True)
    if find_spec(f"benchmarks.{benchmark.name}") is None:
        return f"there is no benchmarks/{benchmark.name}.py"
    command = [sys.executable, "-m", f"benchmarks.{benchmark.name}", *benchmark.arguments, "--json", str(path)]
    print(f"\n=== {benchmark.name} (up to {benchmark.minutes:g} minutes): {' '.join(command[1:])}", flush=True)
    started = time.monotonic()
    code = _finished(command, 60 * benchmark.minutes)
    print(f"=== {benchmark.name}: {(time.monotonic() - started) / 60:.1f} minutes", flush=True)
    # One that says by its exit code that a promise is broken has measured all the same.
    if path.exists():
        return None
    return f"took longer than {benchmark.minutes:g} minutes" if code is None else f"failed (exit code {code})"


def _finished(command: Sequence[str], seconds: float) -> int | None:
    """The exit code; None for one that had to be stopped."""
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C for one that runs still, and an end to all that it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(LEAVING_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _options(names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--into", type=Path, default=RESULTS, help=f"default: {RESULTS}")
    options = parser.parse_args()
    if unknown := set(options.only) - set(names):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    main()
