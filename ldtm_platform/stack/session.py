"""A process's session with the platform: PostgreSQL up and migrated, Dagster's home laid out, its variables set."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import sqlalchemy as sa

from ldtm_platform.gpu import read_cards, runs_at_once
from ldtm_platform.settings import Settings
from ldtm_platform.stack.database import DatabaseUrls, running_database
from ldtm_platform.stack.readers import reader_url
from ldtm_platform.warehouse.migrate import upgrade
from ldtm_platform.warehouse.reader import URL_VARIABLE

PROJECT = Path(__file__).parents[2]


@contextmanager
def platform_session(settings: Settings) -> Iterator[dict[str, str]]:
    """Everything a Dagster process needs, for as long as the block lasts; yields the variables for child processes.

    The variables are set in this process too. Raises what `running_database` and `upgrade` raise.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with running_database(settings) as urls:
        migrate(urls.ours)
        variables = {**environment(settings, urls), URL_VARIABLE: reader_url(settings, urls.ours)}
        os.environ.update(variables)
        yield variables


def migrate(url: str) -> None:
    """Bring our database to the newest schema; harmless when it is there already."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def environment(settings: Settings, urls: DatabaseUrls) -> dict[str, str]:
    """The variables that Dagster's processes are started with, after laying out its home."""
    dagster_home = settings.home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    _place(instance_config(), dagster_home / "dagster.yaml")
    return {
        **settings.for_children(),
        "DAGSTER_HOME": str(dagster_home),
        "LDTM_HOME": str(settings.home),
        "LDTM_DATABASE_URL": urls.ours,
        "LDTM_DAGSTER_URL": urls.dagster,
        # Per-partition events of a fleet run are written in batches (1.2 s instead of 5.7 s for 103 tickers).
        "DAGSTER_EVENT_BATCH_SIZE": "100",
    }


def instance_config() -> str:
    """dagster.yaml with as many runs at once as this machine's cards and memory allow."""
    runs = runs_at_once(read_cards(), psutil.virtual_memory().total // 2**20)
    return re.sub(r"(?<=max_concurrent_runs: )\d+", str(runs), (PROJECT / "dagster.yaml").read_text())


def _place(content: str, target: Path) -> None:
    """Write by a rename: a process that starts meanwhile must not read half a file."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.write_text(content)
    partial.replace(target)
