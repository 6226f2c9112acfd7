"""Jobs asked for in the queue of a running platform, as its schedules ask, and how long each run waited and worked."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from benchmarks.processes import cpu_seconds
from ldtm_platform.stack.supervisor import family
from ldtm_platform_tests.cli.home import Home

READY_SEC = 120.0
POLL_SEC = 0.2
# A platform that is up takes a tenth of a processor, one that still loads its worker and its dashboard takes two.
SETTLED_CPU_SEC, SETTLING_SEC = 0.8, 3.0

_READY = """{
  instance { daemonHealth { allDaemonStatuses { required healthy } } }
  workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } }
}"""
_LAUNCH = """mutation Launch($job: String!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "ldtm_platform", repositoryName: "__repository__", jobName: $job}
    runConfigData: {}
    executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""
_RUN = """query Run($id: ID!) {
  runOrError(runId: $id) {
    ... on Run { status stats { ... on RunStatsSnapshot { enqueuedTime launchTime startTime endTime } } }
  }
}"""


@dataclass(frozen=True)
class RunTimes:
    """Seconds of one run: from the request to the queue, in it, until its process works, and working."""

    job: str
    asking: float
    queued: float
    starting: float
    working: float

    @property
    def all(self) -> float:
        """From the request to the end."""
        return self.asking + self.queued + self.starting + self.working


class Dagster:
    """The GraphQL door of a running platform's Dagster UI."""

    def __init__(self, port: str) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def wait_until_ready(self) -> None:
        """Return once the code is loaded and every daemon is well. Raises SystemExit where that takes too long."""
        deadline = time.monotonic() + READY_SEC
        while time.monotonic() < deadline:
            try:
                said = self._ask(_READY, {})
            except httpx.TransportError:
                said = {}
            if said and _is_ready(said):
                return
            time.sleep(0.5)
        raise SystemExit("Dagster did not come up")

    def run(self, job: str, tags: Mapping[str, str]) -> RunTimes:
        """One run of a job through the queue, to its end. Raises SystemExit where it cannot be launched or hangs."""
        asked = time.time()
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        launched = self._ask(_LAUNCH, {"job": job, "tags": listed})["launchRun"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise SystemExit(f"{job} was not launched: {launched}")
        while True:
            found = self._ask(_RUN, {"id": launched["run"]["runId"]})["runOrError"]
            if found["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                break
            time.sleep(POLL_SEC)
        if found["status"] != "SUCCESS":
            raise SystemExit(f"{job}: {found['status']}")
        at = found["stats"]
        return RunTimes(
            job,
            asking=at["enqueuedTime"] - asked,
            queued=at["launchTime"] - at["enqueuedTime"],
            starting=at["startTime"] - at["launchTime"],
            working=at["endTime"] - at["startTime"],
        )

    def _ask(self, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        answer = self._http.post("/graphql", json={"query": query, "variables": variables})
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        if said.get("errors"):
            raise SystemExit(f"Dagster refused: {said['errors']}")
        data: dict[str, Any] = said["data"]
        return data


def _is_ready(said: Mapping[str, Any]) -> bool:
    entries = said["workspaceOrError"].get("locationEntries") or []
    loaded = [each["locationOrLoadError"] for each in entries]
    daemons = said["instance"]["daemonHealth"]["allDaemonStatuses"]
    return (
        bool(loaded)
        and all(each and each["__typename"] == "RepositoryLocation" for each in loaded)
        and all(each["healthy"] for each in daemons if each["required"])
    )


@contextmanager
def platform_up(home: Home, through: date) -> Iterator[tuple[Dagster, int]]:
    """`ldtm up` with bars up to a session: the door to its Dagster, and its process, once its start is over."""
    with home.start("up", LDTM_LAST_SESSION=through.isoformat()) as process:
        try:
            with closing(Dagster(home.settings["LDTM_UI_PORT"])) as dagster:
                dagster.wait_until_ready()
                _wait_until_settled(process.pid)
                yield dagster, process.pid
        finally:
            process.terminate()
            try:
                process.communicate(timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_settled(pid: int) -> None:
    """Return once a platform's processes do little: at 18:00 it has long been up."""
    deadline, used = time.monotonic() + READY_SEC, 0.0
    while time.monotonic() < deadline:
        before, used = used, cpu_seconds(family(pid))
        if used - before < SETTLED_CPU_SEC:
            return
        time.sleep(SETTLING_SEC)
    raise SystemExit("the platform did not come to rest")
