"""What is stored of a ticker's former name goes on under its present one: moved in one transaction, and recorded.

Bars, actions, revisions, features, quarantined rows and headlines of the days before the change change their ticker and
nothing else: each row keeps the source that it came from. So do snapshots, that their targets find their bars. The
ledger is never changed: `ldtm_prediction_errors` reads its rows under the present name. Models stay with the name that
they were trained under; the present name is trained anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from ldtm_platform.prices.stored import lock
from ldtm_platform.renames import Rename
from ldtm_platform.warehouse.bulk import upsert
from ldtm_platform.warehouse.tables import ticker_aliases

# Table, its day, and what else of its key a row of the present name may hold already.
_DATED = (
    ("market_data_daily", "date", "date"),
    ("corporate_actions", "ex_date", "ex_date, kind"),
    ("engineered_features", "date", "date"),
    ("ldtm_daily_snapshots", "run_date", "run_date"),
    ("news_headlines", "published_at", "fingerprint"),
    ("market_data_revisions", "date", ""),
    ("market_data_quarantine", "date", ""),
    ("ldtm_snapshot_revisions", "run_date", ""),
    ("market_data_repairs", "date", "date, defect"),
    ("market_data_hourly", "date", "start_at"),
    ("market_data_hourly_revisions", "date", ""),
)
_STATUS = ("market_data_status", "market_data_hourly_status")
_SOURCES = """
SELECT status.ticker, status.source, status.price_basis FROM market_data_status status
WHERE status.ticker IN (:old, :new) AND EXISTS (SELECT 1 FROM market_data_daily bar WHERE bar.ticker = status.ticker)
"""


@dataclass(frozen=True)
class CarriedOver:
    """One symbol change. bars: how many were moved now. refusal: why none was, for people."""

    rename: Rename
    bars: int
    refusal: str | None = None


def carry_over(engine: sa.Engine, renames: Sequence[Rename], *, now: datetime) -> list[CarriedOver]:
    """Record the symbol changes and move what is stored under former names, oldest change first.

    A second call moves nothing. A change that is told no longer is forgotten, unless it has moved something. Refused
    where the two names hold bars of different sources or price bases.
    """
    known = [rename.old for rename in renames]
    with engine.begin() as connection:
        dropped = ticker_aliases.c.old_ticker.not_in(known) & ticker_aliases.c.carried_at.is_(None)
        connection.execute(sa.delete(ticker_aliases).where(dropped))
    return [_carried(engine, rename, now) for rename in sorted(renames, key=lambda rename: rename.on)]


def _carried(engine: sa.Engine, rename: Rename, now: datetime) -> CarriedOver:
    names = {"old": rename.old, "new": rename.current}
    with engine.begin() as connection:
        for ticker in sorted(names.values()):
            lock(connection, ticker)
        stored = {row.ticker: (row.source, row.price_basis) for row in connection.execute(sa.text(_SOURCES), names)}
        if len(set(stored.values())) > 1:
            return CarriedOver(rename, 0, _refusal(rename, stored))
        moved = [_move(connection, table, day, key, rename) for table, day, key in _DATED]
        for table in _STATUS:
            _move_status(connection, table, rename)
        _record(connection, rename, bars=moved[0], carried_at=now if any(moved) else None)
    return CarriedOver(rename, moved[0])


def _refusal(rename: Rename, stored: dict[str, tuple[str, str]]) -> str:
    told = " and ".join(f"{ticker}'s from {source} ({basis})" for ticker, (source, basis) in sorted(stored.items()))
    return (
        f"{rename.old} is {rename.current} since {rename.on} ([aliases] in the universe file), but their bars are "
        f"{told}: a series never mixes two. Take the line out of [aliases], or start with an empty database (DB_NAME)"
    )


def _move(connection: sa.Connection, table: str, day: str, key: str, rename: Rename) -> int:
    clash = " AND ".join(f"kept.{name.strip()} = moved.{name.strip()}" for name in key.split(",") if name.strip())
    known = f"AND NOT EXISTS (SELECT 1 FROM {table} kept WHERE kept.ticker = :new AND {clash})" if clash else ""
    told = {"old": rename.old, "new": rename.current, "on": rename.on}
    of_the_name = f"moved.ticker = :old AND moved.{day} < :on"
    found = connection.execute(sa.text(f"UPDATE {table} moved SET ticker = :new WHERE {of_the_name} {known}"), told)
    return found.rowcount


def _move_status(connection: sa.Connection, table: str, rename: Rename) -> None:
    """The status of a name that has no bars left goes with them."""
    bars = table.replace("_status", "") if "hourly" in table else "market_data_daily"
    told = {"old": rename.old, "new": rename.current}
    gone = f"moved.ticker = :old AND NOT EXISTS (SELECT 1 FROM {bars} bar WHERE bar.ticker = :old)"
    known = f"EXISTS (SELECT 1 FROM {table} kept WHERE kept.ticker = :new)"
    connection.execute(sa.text(f"UPDATE {table} moved SET ticker = :new WHERE {gone} AND NOT {known}"), told)
    connection.execute(sa.text(f"DELETE FROM {table} moved WHERE {gone}"), told)


def _record(connection: sa.Connection, rename: Rename, *, bars: int, carried_at: datetime | None) -> None:
    row = {
        "old_ticker": rename.old,
        "new_ticker": rename.new,
        "changed_on": rename.on,
        "current_ticker": rename.current,
    }
    carried = {"carried_at": carried_at, "carried_bars": bars} if carried_at else {}
    upsert(connection, ticker_aliases, pl.DataFrame([row | carried]))
