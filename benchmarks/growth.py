"""What a ticker costs, in time and memory, in a universe of 100, of 1,000 and of 8,000: no more in a larger one.

    python -m benchmarks.growth
    python -m benchmarks.growth --sizes 100,1000 --stages features,forecasts --json out.json

Every size has a database and a folder of checkpoints of its own, in a temporary folder (8,000 tickers: 9 GB); bars are
simulated, the shortest history that can be trained on. Every stage is the product's own, from end to end, in a fresh
process of its own; its imports are not timed. "database" is the processor time of PostgreSQL. Memory is the process's
peak, and that of the largest of its workers.

features   engineered from the bars and written
training   of one epoch, on all cores, in bfloat16 where the processor has it (whole training is a hundred times as
           long); of the first 2,000 tickers (--trained): the others get untrained checkpoints, registered before
forecasts  of a session, every checkpoint read from disk
day        the next session's bars written, the snapshots of the forecasts, and their actuals
ingest     the next session's bars, by the whole of ingest; only when it is named
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks.growth_stages import STAGES, Universe
from benchmarks.processes import cpu_seconds, server_pid
from benchmarks.report import Row, report
from ldtm_platform.postgres.server import EmbeddedPostgres
from ldtm_platform.stack.supervisor import family
from ldtm_platform.warehouse.migrate import upgrade


@dataclass(frozen=True)
class Measured:
    """What a stage took of a fresh process and of PostgreSQL, for so many tickers of a universe."""

    stage: str
    universe: int
    tickers: int
    wall_s: float
    cpu_s: float
    database_s: float
    peak_mib: float
    worker_mib: float

    def row(self, smallest: "Measured") -> Row:
        """A line of the table, beside the smallest universe's."""
        each = 1000 / self.tickers
        wall, cpu = self.wall_s * each, (self.cpu_s + self.database_s) * each
        before = 1000 / smallest.tickers
        return {
            "stage": self.stage,
            "universe": self.universe,
            "tickers": self.tickers,
            "wall ms each": wall,
            "CPU ms each": self.cpu_s * each,
            "database ms each": self.database_s * each,
            "wall, of the smallest's": wall / (smallest.wall_s * before),
            "CPU, of the smallest's": cpu / ((smallest.cpu_s + smallest.database_s) * before),
            "peak MiB": self.peak_mib,
            "worker MiB": self.worker_mib or None,
        }


def main() -> None:
    """Measure every size and stage and print the table."""
    options = _options()
    found: list[Measured] = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="ldtm-", dir=options.folder) as name:
            found += _of_size(size, min(size, options.trained), options.stages, Path(name))
    smallest = {each.stage: each for each in reversed(found)}
    ordered = sorted(found, key=lambda each: list(STAGES).index(each.stage))
    report("Growth of the universe", [each.row(smallest[each.stage]) for each in ordered], options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: [int(each) for each in text.split(",")], default=[100, 1000, 8000])
    parser.add_argument("--stages", type=_stages, default=list(STAGES)[:-1], help=",".join(STAGES))
    parser.add_argument("--trained", type=int, default=2000, help="train no more tickers of a universe than that")
    parser.add_argument("--folder", type=Path, help="where there is room, if not in the system's temporary folder")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _stages(text: str) -> list[str]:
    if unknown := set(text.split(",")) - set(STAGES):
        raise argparse.ArgumentTypeError(f"no stage {', '.join(unknown)}: choose of {', '.join(STAGES)}")
    return text.split(",")


def _needed(stages: Sequence[str]) -> list[str]:
    """The stages and what they start from, in an order in which they can be done."""
    ordered: list[str] = []
    for stage in stages:
        before = _needed(STAGES.get(stage, ()))
        ordered += [each for each in (*before, stage) if each not in ordered]
    return ordered


def _of_size(size: int, trained: int, stages: Sequence[str], home: Path) -> list[Measured]:
    """Every stage that was asked for; what they start from is made, and not reported."""
    home.chmod(0o755)
    server = EmbeddedPostgres(home / "pg")
    try:
        url = server.ensure().url("postgres", driver="postgresql+psycopg")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        upgrade(engine)
        universe = Universe(size, trained, url, home)
        found = [_measured(stage, universe) for stage in _needed(stages)]
    finally:
        server.stop()
    return [each for each in found if each.stage in stages]


def _measured(stage: str, universe: Universe) -> Measured:
    server = server_pid(universe.home / "pg" / "data")
    before, started = cpu_seconds(family(server)), time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.growth_stages", stage, *universe.arguments()]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    wall, cpu, peak, worker = (float(each) for each in done.stdout.split())
    tickers = universe.trained if stage == "training" else universe.size
    measured = Measured(stage, universe.size, tickers, wall, cpu, cpu_seconds(family(server)) - before, peak, worker)
    print(f"{universe.size} {stage}: {measured.wall_s:.1f} s ({time.perf_counter() - started:.1f})", flush=True)
    return measured


if __name__ == "__main__":
    main()
