"""The daily pipeline in Dagster for 103 tickers: an evening, a replay of 250 sessions, and the memory that they take.

    python -m benchmarks.pipeline                            103 tickers, 250 sessions, three evenings each way
    python -m benchmarks.pipeline --tickers 8 --sessions 5   a small run of every part
    python -m benchmarks.pipeline --json numbers.json        the numbers too

Makes a home in a temporary folder with an embedded PostgreSQL, simulated prices and models of one epoch, none of which
is timed. Then, as users run it: a replay by `ldtm pipeline --from`; evenings by `ldtm pipeline`, each beside the same
work for the next session without Dagster (pipeline_bare.py), which is what Dagster's own share is told by; and evenings
by `ldtm up`, once it has come to rest, where the jobs of the 18:00 and 18:15 schedules are asked for in the queue as
the schedules do.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster._core.storage.tags import PARTITION_NAME_TAG

from benchmarks.pipeline_runs import RunTimes, platform_up
from benchmarks.report import Row, report
from benchmarks.watching import Taken, watched
from ldtm_platform.defs.reporting import range_tags
from ldtm_platform.postgres.server import Connection
from ldtm_platform.postgres.sockets import free_port
from ldtm_platform.sessions import session_offset
from ldtm_platform.universe import DEFAULT_UNIVERSE, load_universe
from ldtm_platform_tests.cli.home import Home, new_home

LAST = date(2026, 10, 30)
EVENING_SEC, OVERHEAD_SEC, REPLAY_SEC, MEMORY_MIB = 15.0, 5.0, 300.0, 1536.0
SETTINGS = {
    "LDTM_HISTORY_START": "2021-01-04",
    "LDTM_SESSIONS_START": "2024-01-02",
    "LDTM_WORKERS": "2",
    "LDTM_CPU_ENGINE": "auto",
    "LDTM_EMBEDDED": "true",
}


@dataclass(frozen=True)
class Bench:
    """The home and its server."""

    home: Home
    server: Connection

    @property
    def _data(self) -> Path:
        return self.home.path / "postgres" / "data"

    def ldtm(self, *arguments: str, through: date) -> Taken:
        """A command to its end, watched, with bars up to a session. Raises SystemExit where it fails."""
        with self.home.start(*arguments, LDTM_LAST_SESSION=through.isoformat()) as process:
            with watched(process.pid, self._data) as taken:
                out, err = process.communicate()
            if process.returncode:
                raise SystemExit(f"ldtm {' '.join(arguments)} ended with {process.returncode}:\n{out}{err}"[-4000:])
        return taken

    def bare(self, through: date) -> tuple[Taken, dict[str, float]]:
        """The evening of a session without Dagster: the whole process, and the seconds of each part."""
        url = self.server.url("ldtm", driver="postgresql+psycopg")
        variables = self.home.variables(LDTM_LAST_SESSION=through.isoformat(), LDTM_DATABASE_URL=url)
        command = [sys.executable, str(Path(__file__).with_name("pipeline_bare.py"))]
        with subprocess.Popen(command, env=variables, cwd=self.home.path, stdout=subprocess.PIPE, text=True) as process:
            with watched(process.pid, self._data) as taken:
                said, _ = process.communicate()
            if process.returncode:
                raise SystemExit("the evening without Dagster failed")
        parts: dict[str, float] = json.loads(said)
        return taken, parts

    def through_the_queue(self, through: date) -> tuple[Taken, list[RunTimes]]:
        """The evening of a session by `ldtm up`: the runs of the 18:00 and the 18:15 schedule, one after the other."""
        tickers = load_universe(self.home.path / "universe.toml").tickers
        with platform_up(self.home, through) as (dagster, pid), watched(pid, self._data) as taken:
            runs = [
                dagster.run("daily_ingest", range_tags(tickers[0], tickers[-1])),
                dagster.run("daily_inference", {PARTITION_NAME_TAG: through.isoformat()}),
            ]
        return taken, runs


def main() -> None:
    """Prepare a home, measure every part, print the table."""
    options = _options()
    evenings = [session_offset(LAST, 1 - n) for n in range(3 * options.repeats, 0, -1)]
    with _prepared(options.tickers, options.sessions, session_offset(evenings[0], -1)) as bench:
        rows = [
            *_replay(bench, options.sessions, session_offset(evenings[0], -1)),
            *_by_command(bench, evenings[: 2 * options.repeats]),
            *_by_daemon(bench, evenings[2 * options.repeats :]),
        ]
    report(f"The daily pipeline of {options.tickers} tickers in Dagster", rows, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=103)
    parser.add_argument("--sessions", type=int, default=250, help="how many are replayed")
    parser.add_argument("--repeats", type=int, default=3, help="evenings each way, of which the median is shown")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


@contextmanager
def _prepared(tickers: int, sessions: int, through: date) -> Iterator[Bench]:
    """A home with bars and features up to a session, and models that know nothing of those that are replayed."""
    ports = {"LDTM_UI_PORT": str(free_port()), "LDTM_DASHBOARD_PORT": str(free_port())}
    with new_home(**SETTINGS, **ports) as home, home.postgres.session() as server:
        (home.path / "universe.toml").write_text(_universe(tickers))
        bench, before = Bench(home, server), session_offset(through, -sessions)
        _say(f"preparing {tickers} tickers through {through}, models through {before}")
        for arguments in (["ingest"], ["features"], ["train", "--all", "--through", before.isoformat()]):
            bench.ldtm(*arguments, through=through)
        yield bench


def _universe(count: int) -> str:
    """The product's universe, or the two funds and a few others of it."""
    whole = load_universe()
    if count >= len(whole.tickers):
        return DEFAULT_UNIVERSE.read_text()
    others = [ticker for ticker in whole.tickers if whole.sector_of[ticker] != "etfs"][: count - 2]
    return f'[sectors]\nsome = {json.dumps(others)}\netfs = ["SQQQ", "TQQQ"]\n'


def _replay(bench: Bench, sessions: int, last: date) -> Iterator[Row]:
    first = session_offset(last, 1 - sessions)
    _say(f"replaying {first} to {last}")
    taken = bench.ldtm("pipeline", "--from", first.isoformat(), "--to", last.isoformat(), through=last)
    yield _row(f"replay of {sessions} sessions, ldtm pipeline --from", [taken.wall_sec], REPLAY_SEC, taken)
    yield from _memory(taken)


def _by_command(bench: Bench, evenings: Sequence[date]) -> Iterator[Row]:
    """Evenings in pairs: one without Dagster, the next with it."""
    bare: list[tuple[Taken, dict[str, float]]] = []
    commands: list[Taken] = []
    for without, by_command in zip(evenings[::2], evenings[1::2], strict=True):
        _say(f"evenings of {without} and {by_command}")
        bare.append(bench.bare(without))
        commands.append(bench.ldtm("pipeline", through=by_command))
    whole = [taken.wall_sec for taken, _ in bare]
    more = [taken.wall_sec - other for taken, other in zip(commands, whole, strict=True)]
    yield _row("evening, ldtm pipeline", [each.wall_sec for each in commands], EVENING_SEC, _middle(commands))
    yield _row("  the same work without Dagster", whole, None, _middle([taken for taken, _ in bare]))
    for part in bare[0][1]:
        yield _row(f"    {part}", [parts[part] for _, parts in bare], None)
    yield _row("  Dagster's own: the difference", more, OVERHEAD_SEC, _more(commands, [taken for taken, _ in bare]))
    yield from _memory(_middle(commands))


def _by_daemon(bench: Bench, evenings: Sequence[date]) -> Iterator[Row]:
    taken, runs = [], []
    for evening in evenings:
        _say(f"evening of {evening} by ldtm up")
        one, both = bench.through_the_queue(evening)
        taken.append(one)
        runs.append(both)
    yield _row(
        "evening, ldtm up: 18:00 and 18:15", [sum(r.all for r in both) for both in runs], EVENING_SEC, _middle(taken)
    )
    for at, job in enumerate(each.job for each in runs[0]):
        yield _row(f"  {job}", [both[at].all for both in runs], None)
        for part in ("asking", "queued", "starting", "working"):
            yield _row(f"    {part}", [getattr(both[at], part) for both in runs], None)
    yield from _memory(_middle(taken))


def _more(with_dagster: Sequence[Taken], without: Sequence[Taken]) -> Taken:
    """How much more processor time the middle one took."""
    more, less = _middle(with_dagster), _middle(without)
    return Taken(cpu_sec=more.cpu_sec - less.cpu_sec, postgres_cpu_sec=more.postgres_cpu_sec - less.postgres_cpu_sec)


def _middle(taken: Sequence[Taken]) -> Taken:
    return sorted(taken, key=lambda each: each.wall_sec)[len(taken) // 2]


def _memory(taken: Taken) -> Iterator[Row]:
    yield _row("  memory at its peak, MiB of all processes (PSS)", [taken.peak_mib], MEMORY_MIB)
    yield _row("    PostgreSQL's, beside it", [taken.postgres_peak_mib], None)


def _row(what: str, values: Sequence[float], promised: float | None, taken: Taken | None = None) -> Row:
    """One line: the median, its least and most, and the processor's seconds of the middle one."""
    return {
        "what": what,
        "median": statistics.median(values),
        "least": min(values),
        "most": max(values),
        "promised below": promised,
        "cpu sec": taken.cpu_sec if taken else None,
        "PostgreSQL's": taken.postgres_cpu_sec if taken else None,
    }


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
