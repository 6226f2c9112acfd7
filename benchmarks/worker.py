"""What `ldtm infer` takes from the terminal: in a process of its own (the kernel, or PyTorch), and by the worker.

    python -m benchmarks.worker
    python -m benchmarks.worker --tickers 20 --json out.json

A home of its own with simulated prices and one epoch of training; every way is the whole command, with its Dagster run.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.report import report

LDTM = (sys.executable, "-c", "from ldtm_platform.cli.app import main; main()")
SUPERVISOR = """
import sys
from ldtm_platform.settings import load_settings
from ldtm_platform.stack.session import platform_session
from ldtm_platform.stack.worker import worker_running
settings = load_settings()
with platform_session(settings) as variables, worker_running(settings, variables, print):
    print(flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Make the home, measure every way, print the table."""
    options = _options()
    with _home(options.tickers) as variables:
        for command in (["ingest"], ["features"], ["train", "--all", "--through", "2024-05-31"]):
            _ldtm(variables, *command)
        one, every = ["infer", "--ticker", "T0000"], ["infer", "--all"]
        # The worker leaves a command with other settings to itself.
        ways = {
            "PyTorch in a fresh process": {**variables, "LDTM_CPU_ENGINE": "pytorch"},
            "the kernel in a fresh process": {**variables, "LDTM_SEED": "1"},
            "by the worker": variables,
        }
        _ldtm(variables, *one)  # compiles the kernel, once a home
        # PostgreSQL is up in all of them, as under `make up`.
        with _supervisor(variables):
            rows = [
                _measured(f"{what}, {way}", given, command)
                for what, command in (("one ticker", one), (f"{options.tickers} tickers", every))
                for way, given in ways.items()
            ]
    report("`ldtm infer` from the terminal, best of three", rows, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=103)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


@contextmanager
def _home(tickers: int) -> Iterator[dict[str, str]]:
    """The variables of a fresh home, removed on leaving."""
    # A short path that the server's account may enter.
    home = Path(tempfile.mkdtemp(prefix="ldtm-bench-"))
    home.chmod(0o755)
    names = ", ".join(f'"T{number:04}"' for number in range(tickers))
    (home / "universe.toml").write_text(f"[sectors]\nall = [{names}]\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LDTM_", "DB_", "DAGSTER_"))}
    own = {"HOME": home, "UNIVERSE": home / "universe.toml", "SOURCE": "simulated", "EMBEDDED": "true", "EPOCHS": "1"}
    own |= {"HISTORY_START": "2022-10-03", "LAST_SESSION": "2024-07-31"}
    try:
        yield {**clean, **{f"LDTM_{name}": str(value) for name, value in own.items()}}
    finally:
        shutil.rmtree(home)


@contextmanager
def _supervisor(variables: Mapping[str, str]) -> Iterator[None]:
    """PostgreSQL and the worker, as `ldtm up` runs them; returns once the worker listens."""
    home = Path(variables["LDTM_HOME"])
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], env=variables, cwd=home, stdin=subprocess.PIPE
    ) as process:
        while not (home / "worker.sock").is_socket():
            time.sleep(0.1)
        yield
        (worker,) = psutil.Process(process.pid).children()
        if worker.status() == psutil.STATUS_ZOMBIE:
            raise SystemExit("the worker ended: was the code changed while it was measured?")
        print(f"the worker's memory: {worker.memory_info().rss / 2**20:,.0f} MiB")


def _measured(way: str, variables: Mapping[str, str], command: Sequence[str]) -> dict[str, str | float]:
    """The least seconds by the clock and of the processor, the command's own, of three tries."""
    walls, processors = [], []
    for _ in range(3):
        wall, processor = time.perf_counter(), _processor()
        _ldtm(variables, *command)
        walls.append(time.perf_counter() - wall)
        processors.append(_processor() - processor)
    return {"way": way, "seconds": min(walls), "processor seconds of the command": min(processors)}


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _ldtm(variables: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [*LDTM, *arguments], env=variables, cwd=variables["LDTM_HOME"], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"ldtm {' '.join(arguments)} failed:\n{done.stderr}")


if __name__ == "__main__":
    main()
