"""Vendors' defects: how many broken rows are found and put right, and what is reported of sound prices.

    python -m benchmarks.vendor_defects                                      simulated prices
    python -m benchmarks.vendor_defects --prices daily.parquet               real ones: ticker, date, open .. volume
    python -m benchmarks.vendor_defects --pairs wire/yfinance_defects        tables with a defect, and repaired

Each defect is planted once a ticker and seed at a seeded place. Prints a table, and writes the numbers as JSON where
--json says.
"""

import argparse
import json
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.sources.base import BAR_COLUMNS, BarRequest
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform_tests.prices.defects.measuring import Counted, counted_pair, false_alarms, pair, recall
from ldtm_platform_tests.prices.defects.planting import PLANTERS

START, END = date(2021, 1, 4), date(2024, 1, 2)
# Shorter series have no room for the places where defects are planted.
FEWEST_ROWS = 300
Row = dict[str, str | int]


def main() -> None:
    """Measure what the options ask for."""
    options = _options()
    bars = _bars(options.prices)
    rows: list[Row] = []
    for name in PLANTERS:
        total = sum((recall(bars, name, seed=seed) for seed in range(options.seeds)), Counted())
        rows.append(_row(name, total))
    if options.pairs is not None:
        rows += [_row(name, counted_pair(pair(options.pairs, name))) for name in _names(options.pairs)]
    began = time.perf_counter()
    alarms = false_alarms(bars, pl.concat(bars))
    seconds = time.perf_counter() - began
    _print(rows)
    repaired = sum(each.repairs.height for each in alarms.values())
    held = sum(each.held.height for each in alarms.values())
    sound = sum(own.height for own in bars)
    print(f"\nsound: {len(bars)} tickers, {sound} bars: {repaired} repaired, {held} held, in {seconds:.2f} s")
    if options.json is not None:
        found = {"sound_bars": sound, "false_repairs": repaired, "false_held": held, "seconds": seconds, "rows": rows}
        options.json.write_text(json.dumps(found, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prices", type=Path, help="a Parquet file of sound bars, adjusted for splits")
    parser.add_argument("--pairs", type=Path, help="a folder of <name>.csv and <name>-fixed.csv")
    parser.add_argument("--seeds", type=int, default=2, help="how many places a ticker (default 2)")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    return parser.parse_args()


def _bars(path: Path | None) -> Sequence[pl.DataFrame]:
    if path is None:
        source = SimulatedSource(seed=3, sectors={f"S{at}": "chips" for at in range(20)}, start=START)
        answers = source.fetch([BarRequest(f"S{at}", START, END) for at in range(20)])
        whole = pl.concat([adjusted(answer.bars, answer.actions, END) for answer in answers])
    else:
        whole = pl.read_parquet(path, columns=list(BAR_COLUMNS))
    typed = whole.with_columns(pl.col("volume").round().cast(pl.Int64)).sort("ticker", "date")
    return [own for own in typed.partition_by("ticker") if own.height > FEWEST_ROWS]


def _names(folder: Path) -> list[str]:
    return sorted(path.stem.removesuffix("-fixed") for path in folder.glob("*-fixed.csv"))


def _row(name: str, counts: Counted) -> Row:
    return {"defect": name, **vars(counts)}


def _print(rows: Sequence[Row]) -> None:
    head = tuple(rows[0])
    print(f"{head[0]:32}" + "".join(f"{name:>16}" for name in head[1:]))
    for row in rows:
        print(f"{row['defect']:32}" + "".join(f"{row[name]:>16}" for name in head[1:]))


if __name__ == "__main__":
    main()
