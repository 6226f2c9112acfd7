"""The command line: every command materializes assets or reads the warehouse.

Exit codes: 0 all went well; 1 something failed and is named; 2 the command cannot be carried out as given.
"""

import sys
from difflib import get_close_matches
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ldtm_platform.cli import ask, lifecycle, looking, models, pipeline, signal
from ldtm_platform.cli.tables import say
from ldtm_platform.profiles import PROFILES, apply_profile
from ldtm_platform.settings import SETTINGS, variable
from ldtm_platform.unknown_settings import unbuilt_variables, unknown_variables

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, help=__doc__)
for group in (lifecycle, pipeline, models, looking, signal, ask):
    for command in group.COMMANDS:
        app.command()(command)


@app.callback()
def options(
    profile: Annotated[
        str | None, typer.Option(envvar="LDTM_PROFILE", help=f"Ready-made settings: {', '.join(PROFILES)}")
    ] = None,
) -> None:
    """Train, serve and honestly score one forecaster per stock ticker."""
    for name in unknown_variables():
        say(_unknown(name))
    for name in unbuilt_variables()[:1]:
        say(f"ldtm: {name} is set, but the blob export is not part of this version")
    if profile is None:
        return
    if profile not in PROFILES:
        raise typer.BadParameter(f"no profile {profile!r}: there are {', '.join(PROFILES)}")
    apply_profile(profile)


def main() -> None:
    """The `ldtm` command."""
    try:
        app()
    except SystemExit:
        # How every command ends: what follows is looked up only for what went wrong.
        raise
    except _people_errors() as error:
        _refuse(str(error))
    except ValidationError as error:
        wrong = [f"{variable(str(item['loc'][0]))}: {_said(item)}" for item in error.errors()]
        _refuse("settings that cannot be used (environment or .env):\n  " + "\n  ".join(wrong))


def _said(item: ErrorDetails) -> str:
    """What a validator said, without pydantic's word for it."""
    return item["msg"].removeprefix("Value error, ")


def _people_errors() -> tuple[type[Exception], ...]:
    """What is said without a traceback; looked up when something was raised, because it takes half a second."""
    from ldtm_platform.postgres.errors import PostgresUnavailable
    from ldtm_platform.stack.database import DatabaseUnreachable
    from ldtm_platform.stack.supervisor import StackError
    from ldtm_platform.universe import UniverseError
    from ldtm_platform.warehouse.migrate import DatabaseTooNew, ForeignDatabase
    from ldtm_platform.warehouse.writes import UnknownVersion

    return (
        UniverseError,
        DatabaseUnreachable,
        DatabaseTooNew,
        ForeignDatabase,
        PostgresUnavailable,
        StackError,
        UnknownVersion,
    )


def _unknown(name: str) -> str:
    near = get_close_matches(name, SETTINGS, n=1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else "README.md lists the settings."
    return f"ldtm: {name} is ignored, because no setting is called so: {hint}"


def _refuse(message: str) -> None:
    say(f"ldtm: {message}")
    sys.exit(2)
