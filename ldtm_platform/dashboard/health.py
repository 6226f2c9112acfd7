"""Whether the read side is well: the database answers, the data are as new as the schedules promise, which version."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version

import polars as pl
import sqlalchemy as sa

from ldtm_platform.settings import Settings
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.reader import gaps

# The last try for late bars is at 21:50 in New York, about five hours after a session's bar is final.
GRACE = timedelta(hours=6)


@dataclass(frozen=True)
class Part:
    """One part: its state in a word (ok, empty, stale, down), a sentence where it is not ok, and what it rests on."""

    state: str
    message: str = ""
    last_bar: date | None = None
    last_forecast: date | None = None
    due: date | None = None


@dataclass(frozen=True)
class Health:
    """The parts; the wall is what keeps the server from writing."""

    version: str
    database: Part
    wall: Part
    freshness: Part

    @property
    def is_well(self) -> bool:
        """Whether nothing is down and nothing stale. A platform that has no data yet is well."""
        return self.database.state == "ok" and self.freshness.state in ("ok", "empty")

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, without what is not known."""
        parts = {name: _plain(getattr(self, name)) for name in ("database", "wall", "freshness")}
        return {"status": "ok" if self.is_well else "ill", "version": self.version, **parts}


def health(settings: Settings, engine: sa.Engine, now: datetime | None = None) -> Health:
    """Ask the database. Messages hold no address, name or password."""
    try:
        pulse = reads.pulse(engine)
        missing = gaps(engine)
    except (sa.exc.SQLAlchemyError, pl.exceptions.PolarsError) as error:
        down = Part("down", f"the database cannot be read ({type(error).__name__}): is `ldtm up` running?")
        return Health(version("ldtm_platform"), down, Part("unknown"), Part("unknown"))
    wall = Part("reads only", "; ".join(missing)) if missing else Part("ok")
    due = settings.latest_session((now or datetime.now(UTC)) - GRACE)
    return Health(version("ldtm_platform"), Part("ok"), wall, _freshness(pulse.row(0, named=True), due))


def _freshness(pulse: dict[str, date | None], due: date) -> Part:
    bar, forecast = pulse["last_bar"], pulse["last_snapshot"]
    state, message = _judged(bar, forecast, due)
    return Part(state, message, bar, forecast, due)


def _judged(bar: date | None, forecast: date | None, due: date) -> tuple[str, str]:
    if bar is None:
        return "empty", "no prices yet: `ldtm ingest`"
    if bar < due:
        return "stale", f"no bar after {bar}, those of {due} are due: `ldtm pipeline`"
    if forecast is None:
        return "empty", "no forecasts yet: `ldtm train --all`, then `ldtm pipeline`"
    if forecast < due:
        return "stale", f"no forecast after {forecast}, that of {due} is due: `ldtm pipeline`"
    return "ok", ""


def _plain(part: Part) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(part).items() if value not in (None, "")}
