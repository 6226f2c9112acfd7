"""A home's worker as `ldtm up` runs it, without the rest of the platform."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import sqlalchemy as sa

from ldtm_platform_tests.cli.home import Home
from ldtm_platform_tests.scratch import DRIVER

SUPERVISOR = """
import sys, threading
from ldtm_platform.settings import load_settings
from ldtm_platform.stack.session import platform_session
from ldtm_platform.stack.worker import worker_running

settings, stop = load_settings(), threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
with platform_session(settings) as variables, worker_running(settings, variables, lambda said: None) as tend:
    while not stop.wait(0.1):
        tend()
"""


@contextmanager
def kept_worker(home: Home) -> Iterator["subprocess.Popen[str]"]:
    """A supervisor of the home's worker alone, once that listens."""
    command = [sys.executable, "-c", SUPERVISOR]
    with subprocess.Popen(command, env=home.variables(), cwd=home.path, stdin=subprocess.PIPE, text=True) as supervisor:
        worker_of(home, supervisor)
        yield supervisor
        assert supervisor.stdin is not None
        supervisor.stdin.close()
        assert supervisor.wait(60) == 0
    assert not (home.path / "worker.sock").exists()


def worker_of(home: Home, supervisor: "subprocess.Popen[str]", *, other_than: int = 0) -> psutil.Process:
    """The worker's process, once it listens."""
    listens = home.path / "worker.sock"
    while True:
        assert supervisor.poll() is None
        workers = [
            each for each in psutil.Process(supervisor.pid).children() if "ldtm_platform.worker" in each.cmdline()
        ]
        if workers and workers[0].pid != other_than and listens.is_socket():
            return workers[0]
        time.sleep(0.05)


def executed_by(home: Home) -> int:
    """The number of the process that executed the home's newest run."""
    newest = """
        SELECT value FROM run_tags JOIN runs USING (run_id)
        WHERE key = '.dagster/ldtm_process' ORDER BY runs.id DESC LIMIT 1
    """
    with home.postgres.session() as connection:
        engine = sa.create_engine(connection.url("dagster", driver=DRIVER), poolclass=sa.NullPool)
        with engine.connect() as opened:
            tag: str = opened.execute(sa.text(newest)).scalar_one()
    return int(tag.split("@")[0])
