"""`ldtm up` and `ldtm down`: everything comes up together and goes down together, also after a kill."""

import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psutil
import pytest

from benchmarks.pipeline_runs import Dagster
from ldtm_platform_tests.cli.home import Home, new_home
from ldtm_platform_tests.ports import kept_port


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with (
        kept_port() as ui,
        kept_port() as dashboard,
        new_home(LDTM_UI_PORT=str(ui), LDTM_DASHBOARD_PORT=str(dashboard)) as fresh,
    ):
        yield fresh
        for process in processes(fresh):
            process.kill()


def processes(home: Home, doing: str = "") -> list[psutil.Process]:
    """Every process that was started for this home, or those whose command says so: Dagster's, PostgreSQL's, ours."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("LDTM_HOME") == str(home.path) and process.status() != psutil.STATUS_ZOMBIE
            # Asked here: some end while they are looked at.
            if ours and doing in " ".join(process.cmdline()):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@contextmanager
def up(home: Home) -> Iterator["subprocess.Popen[str]"]:
    """`ldtm up`, once it says where its user interface is."""
    with home.start("up") as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("Stop with Ctrl-C"):
                break
        else:
            raise AssertionError("".join(said))
        yield process


def answer(home: Home) -> dict[str, str]:
    url = f"http://127.0.0.1:{home.settings['LDTM_UI_PORT']}/server_info"
    with urllib.request.urlopen(url, timeout=60) as response:
        info: dict[str, str] = json.loads(response.read())
    return info


def health(home: Home) -> dict[str, Any]:
    url = f"http://127.0.0.1:{home.settings['LDTM_DASHBOARD_PORT']}/healthz"
    with urllib.request.urlopen(url, timeout=60) as response:
        said: dict[str, Any] = json.loads(response.read())
    return said


def answers(home: Home) -> bool:
    try:
        return bool(health(home))
    except OSError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def dashboard_of(home: Home) -> psutil.Process:
    (found,) = processes(home, "ldtm_platform.dashboard")
    return found


def kill_the_dashboard(home: Home, supervisor: "subprocess.Popen[str]") -> None:
    """It is told and started again."""
    killed = dashboard_of(home)
    killed.kill()
    assert supervisor.stderr is not None
    assert "The dashboard ended (exit code -9) and is started again" in supervisor.stderr.readline()
    wait_until(lambda: answers(home))
    assert dashboard_of(home).pid != killed.pid


def run_through_the_queue(home: Home) -> None:
    """Its process is forked from one that has loaded everything, which tells that it had a child at work."""
    with closing(Dagster(home.settings["LDTM_UI_PORT"])) as dagster:
        dagster.wait_until_ready()
        dagster.run("prune_event_log", {})
    wait_until(lambda: has_forked(home))


def has_forked(home: Home) -> bool:
    """Whether the run's own process is still on its way out, or was collected by the one that it was forked from."""
    forking = processes(home, "multiprocessing.forkserver")
    return len(forking) > 1 or forking[0].cpu_times().children_user > 0


@pytest.mark.timeout(600)
def test_it_answers_alone_mends_its_dashboard_comes_up_after_a_kill_and_ctrl_c_leaves_nothing_running(
    home: Home,
) -> None:
    with up(home) as process:
        assert "dagster_version" in answer(home)
        assert health(home)["freshness"]["state"] == "empty"
        # It reads as its own role, and has nobody else's door.
        assert health(home)["wall"] == {"state": "ok"}
        doors = ("DB_", "DAGSTER_", "LDTM_DATABASE_URL", "LDTM_DAGSTER_URL")
        assert not [name for name in dashboard_of(home).environ() if name.startswith(doors)]
        assert home.postgres.is_running()
        second = home.ldtm("up")
        assert second.code == 2
        assert second.err == f"ldtm: the platform of {home.path} is up already; `ldtm down` stops it\n"
        # It did not take the first one's database with it.
        assert home.postgres.is_running()
        kill_the_dashboard(home, process)
        run_through_the_queue(home)
        process.kill()
    assert processes(home) != []
    with up(home) as process:
        assert "dagster_version" in answer(home)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == "Stopping...\n"
    assert processes(home) == []
    assert not home.postgres.is_running()
    down = home.ldtm("down")
    assert (down.code, down.out) == (0, "nothing was running\n")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_down_stops_it_from_elsewhere_and_ends_what_a_killed_one_left_running(home: Home) -> None:
    with up(home) as process:
        down = home.ldtm("down")
        assert (down.code, down.out) == (0, "stopped\n")
        assert process.wait(60) == 0
    assert processes(home) == []
    assert not home.postgres.is_running()
    with up(home) as process:
        process.kill()
    assert home.ldtm("down").out == "stopped\n"
    assert processes(home) == []


@pytest.mark.parametrize(
    ("setting", "command", "also"),
    [
        ("LDTM_UI_PORT", "up", ""),
        ("LDTM_DASHBOARD_PORT", "up", " or LDTM_DASHBOARD_HOST"),
        ("LDTM_DASHBOARD_PORT", "dashboard", " or LDTM_DASHBOARD_HOST"),
    ],
)
def test_a_port_in_use_is_named(home: Home, setting: str, command: str, also: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = home.ldtm(command, **{setting: port})
    assert refused.code == 2
    reason = f"port {port} is in use: stop what holds it, or set {setting}{also} to another"
    assert refused.err.splitlines()[-1] == f"ldtm: {reason}"
    assert processes(home) == []


def test_the_dashboard_alone_brings_its_database_and_ctrl_c_leaves_nothing(home: Home) -> None:
    with home.start("dashboard") as process:
        assert process.stderr is not None
        address = f"http://127.0.0.1:{home.settings['LDTM_DASHBOARD_PORT']}"
        assert process.stderr.readline() == f"Dashboard: {address}\n"
        wait_until(lambda: answers(home))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert processes(home) == []
    assert not home.postgres.is_running()
