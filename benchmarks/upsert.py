"""Write bars of 103 tickers into PostgreSQL: the product's upsert beside SQLAlchemy's executemany, of the same rows.

python -m benchmarks.upsert                    a year and ten years; a PostgreSQL of its own in a temporary folder
python -m benchmarks.upsert --years 1 --json out.json
"""

import argparse
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from benchmarks.report import Row, best_of, report
from ldtm_platform.postgres.server import EmbeddedPostgres
from ldtm_platform.sessions import sessions_between
from ldtm_platform.warehouse.bulk import upsert
from ldtm_platform.warehouse.migrate import upgrade
from ldtm_platform.warehouse.tables import market_data_daily

TICKERS = 103
SESSIONS_A_YEAR = 252


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ldtm-") as home:
        Path(home).chmod(0o755)
        server = EmbeddedPostgres(Path(home))
        engine = sa.create_engine(server.ensure().url("postgres", driver="postgresql+psycopg"))
        upgrade(engine)
        rows = [row for years in options.years for row in _measured(engine, years)]
        engine.dispose()
        server.stop()
    report(f"Upsert of daily bars, {TICKERS} tickers", rows, options.json)


def _measured(engine: sa.Engine, years: int) -> list[Row]:
    bars = _bars(years)
    ours, theirs = _empty(engine, lambda c: _copied(c, bars)), _empty(engine, lambda c: _executemany(c, bars))
    with engine.begin() as connection:
        again = best_of(1, lambda: _copied(connection, bars)), best_of(1, lambda: _executemany(connection, bars))
    size = "a year" if years == 1 else f"{years} years"
    return [_row(f"{size}, new", bars.height, ours, theirs), _row(f"{size}, unchanged", bars.height, *again)]


def _row(what: str, rows: int, ours: float, theirs: float) -> Row:
    return {
        "what": what,
        "rows": rows,
        "upsert s": ours,
        "executemany s": theirs,
        "times faster": theirs / ours,
    }


def _bars(years: int) -> pl.DataFrame:
    days = sessions_between(date(2014, 1, 2), date(2026, 1, 1))[: years * SESSIONS_A_YEAR]
    tickers = pl.DataFrame({"ticker": [f"T{number:03}" for number in range(TICKERS)]})
    price = 100 + pl.int_range(pl.len()) % 97 / 7
    prices = {"open": price, "high": price + 2, "low": price - 2, "close": price + 1}
    volume = 1_000_000 + pl.int_range(pl.len())
    return tickers.join(pl.DataFrame({"date": days}), how="cross").with_columns(
        **prices, volume=volume, source=pl.lit("benchmark")
    )


def _empty(engine: sa.Engine, work: Callable[[sa.Connection], None]) -> float:
    """Seconds of a write into the empty table."""
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE market_data_daily"))
        return best_of(1, lambda: work(connection))


def _copied(connection: sa.Connection, bars: pl.DataFrame) -> None:
    upsert(connection, market_data_daily, bars, touch=["ingested_at"])


def _executemany(connection: sa.Connection, bars: pl.DataFrame) -> None:
    statement = insert(market_data_daily)
    change = {name: statement.excluded[name] for name in bars.columns if name not in ("ticker", "date")}
    statement = statement.on_conflict_do_update(index_elements=["ticker", "date"], set_=change)
    connection.execute(statement, bars.to_dicts())


if __name__ == "__main__":
    main()
