"""The commands that start and stop: database, user interface, demos."""

from typing import TYPE_CHECKING, Annotated

import typer

from ldtm_platform.cli.running import workbench
from ldtm_platform.cli.tables import say
from ldtm_platform.profiles import apply_profile
from ldtm_platform.settings import load_settings

if TYPE_CHECKING:
    from ldtm_platform.stack.up import Addresses

FleetOption = Annotated[bool, typer.Option("--fleet", help="The whole universe on simulated prices")]
ServeOption = Annotated[bool, typer.Option(help="Keep the user interface running when the data are there")]


def init_db() -> None:
    """Create the databases and bring the schema up to date."""
    from ldtm_platform.warehouse.migrate import disagreements

    with workbench() as bench:
        wrong = disagreements(bench.engine)
    for line in wrong:
        print(line)
    if wrong:
        raise typer.Exit(1)
    print("the database is there and its schema is current")


def up() -> None:
    """Run the dashboard, the Dagster UI, its schedules and PostgreSQL until Ctrl-C or `ldtm down`."""
    from ldtm_platform.stack.addresses import warn_if_open
    from ldtm_platform.stack.session import platform_session
    from ldtm_platform.stack.up import keep_up

    settings = load_settings()
    with platform_session(settings) as variables:
        warn_if_open(settings, say)
        keep_up(settings, variables, _say_where, say)


def dashboard() -> None:
    """Serve the dashboard alone, with PostgreSQL, until Ctrl-C; `ldtm up` serves it too."""
    from ldtm_platform.dashboard.serving import serve
    from ldtm_platform.stack.dashboard import refuse_taken
    from ldtm_platform.stack.session import platform_session
    from ldtm_platform.warehouse.reader import reader_engine

    settings = load_settings()
    refuse_taken(settings)
    with platform_session(settings):
        serve(settings, reader_engine(), say)


def down() -> None:
    """Stop what `ldtm up` or a demo left running, PostgreSQL last."""
    from ldtm_platform.postgres.server import EmbeddedPostgres
    from ldtm_platform.stack.up import stop_supervisor

    settings = load_settings()
    stopped = stop_supervisor(settings.home)
    if settings.embedded or not settings.db_host:
        server = EmbeddedPostgres(settings.home / "postgres")
        stopped = server.is_running() or stopped
        server.stop()
    print("stopped" if stopped else "nothing was running")


def demo(fleet: FleetOption = False, serve: ServeOption = True) -> None:
    """Load sample prices, train, replay the last 60 sessions, then keep the user interface running."""
    from ldtm_platform.cli.demo import build, what_to_look_at
    from ldtm_platform.stack.up import keep_up, refuse_if_up

    apply_profile("demo-fleet" if fleet else "demo")
    if serve:
        refuse_if_up(load_settings().home)
    with workbench() as bench:
        build(bench)
        if serve:
            keep_up(bench.settings, {}, what_to_look_at, say)


def _say_where(where: "Addresses") -> None:
    say(f"Dashboard:  {where.dashboard}\nDagster UI: {where.dagster}\nStop with Ctrl-C, or `ldtm down` elsewhere.")


COMMANDS = (init_db, up, down, dashboard, demo)
