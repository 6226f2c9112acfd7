"""The worker itself, with all that it loads, is ended before anybody has asked it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ldtm_platform_tests.cli.home import new_home


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_worker_ends_when_it_is_told_to_and_takes_its_socket_along(number: signal.Signals) -> None:
    with new_home() as home:
        # The first question would connect to the database; Dagster's records are in the folder.
        database = {"LDTM_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/none", "DAGSTER_HOME": str(home.path)}
        command = [sys.executable, "-m", "ldtm_platform.worker", "agreed"]
        with subprocess.Popen(command, env=home.variables(**database), cwd=home.path) as worker:
            try:
                wait_until_idle(worker, home.path / "worker.sock")
                worker.send_signal(number)
                assert worker.wait(60) == 0
            finally:
                worker.kill()
        assert not (home.path / "worker.sock").exists()


def wait_until_idle(worker: "subprocess.Popen[bytes]", listens: Path) -> None:
    while not (listens.is_socket() and psutil.Process(worker.pid).status() == psutil.STATUS_SLEEPING):
        assert worker.poll() is None
        time.sleep(0.05)
