"""The options by which commands choose tickers and sessions."""

from datetime import date, datetime
from typing import Annotated

import typer

from ldtm_platform.sessions import is_session, next_session
from ldtm_platform.settings import Settings
from ldtm_platform.universe import load_universe

TickerOption = Annotated[list[str] | None, typer.Option("--ticker", help="One ticker; may be repeated")]
GroupOption = Annotated[str | None, typer.Option("--group", help="A group of the universe, such as mega_cap")]
AllOption = Annotated[bool, typer.Option("--all", help="Every ticker of the universe")]
EpochsOption = Annotated[int | None, typer.Option(min=1, help="The most epochs a ticker trains")]
ParallelOption = Annotated[int | None, typer.Option(min=1, help="Training processes on a CPU")]
TogetherOption = Annotated[
    int | None,
    typer.Option("--parallel", min=1, help="Changes nothing: all tickers are forecast in one batch"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else")]
SessionOption = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A session; the newest by default")]


def chosen_tickers(
    settings: Settings, ticker: list[str] | None, group: str | None, everything: bool, *, default_all: bool = False
) -> tuple[str, ...]:
    """The tickers that the three options name together. Raises typer.BadParameter or UniverseError."""
    universe = load_universe(settings.universe)
    if everything or (default_all and not ticker and not group):
        return universe.tickers
    chosen = set(universe.known(ticker or [])) | set(universe.group(group) if group else ())
    if not chosen:
        raise typer.BadParameter("choose tickers: --ticker AAPL, --group mega_cap or --all")
    return tuple(sorted(chosen))


def chosen_session(settings: Settings, session: datetime | None) -> date:
    """The session asked for, or the newest final one. Raises typer.BadParameter for a day that cannot be forecast."""
    if session is None:
        return settings.latest_session()
    day = session.date()
    if not is_session(day):
        raise typer.BadParameter(f"the exchange is closed on {day:%A %Y-%m-%d}; it trades on {next_session(day)}")
    first, last = settings.sessions_start, settings.latest_session()
    if not first <= day <= last:
        raise typer.BadParameter(f"{day} cannot be forecast: sessions from {first} (LDTM_SESSIONS_START) to {last} can")
    return day
