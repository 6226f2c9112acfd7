"""The last runs and the failed checks, asked of the running Dagster UI: the dashboard has no door to its database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

TIMEOUT_SECONDS = 4.0
RUNS = 15

_QUERY = """
query LdtmOperations($runs: Int) {
  runsOrError(limit: $runs) {
    ... on Runs { results { runId jobName status startTime endTime tags { key value } } }
  }
  assetNodes {
    assetKey { path }
    assetChecksOrError {
      ... on AssetChecks {
        checks { name executionForLatestMaterialization { status timestamp runId evaluation { severity description } } }
      }
    }
  }
}"""
_STATES = {"FAILED": "failed", "EXECUTION_FAILED": "could not run"}


class DagsterAway(RuntimeError):
    """The Dagster UI does not answer, or not as expected; the message says which."""


@dataclass(frozen=True)
class Run:
    """A run of a job."""

    run_id: str
    job: str
    status: str
    partition: str
    started: datetime | None
    seconds: float | None


@dataclass(frozen=True)
class FailedCheck:
    """A check that failed, or that could not run, when it was last asked."""

    asset: str
    name: str
    state: str
    severity: str
    at: datetime
    run_id: str
    description: str


@dataclass(frozen=True)
class Seen:
    """What the UI said; checks: how many there are in all that ever ran."""

    runs: tuple[Run, ...]
    failed: tuple[FailedCheck, ...]
    checks: int


async def seen(address: str) -> Seen:
    """Ask the UI at an address. Raises DagsterAway."""
    body = {"query": _QUERY, "variables": {"runs": RUNS}}
    try:
        # Never through a proxy of the environment: it is this machine.
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.post(f"{address}/graphql", json=body)
            answer.raise_for_status()
            data = answer.json()["data"]
            runs = tuple(_run(row) for row in data["runsOrError"]["results"])
            checks = list(_checks(data))
    except httpx.TransportError:
        raise DagsterAway(f"the Dagster UI does not answer at {address}") from None
    except (httpx.HTTPStatusError, KeyError, TypeError, ValueError) as error:
        raise DagsterAway(f"what answers at {address} is not our Dagster ({type(error).__name__})") from None
    return Seen(runs, tuple(_failed(asset, check) for asset, check in checks if _state(check)), len(checks))


def _run(row: Mapping[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in row["tags"]}
    start, end = row["startTime"], row["endTime"]
    return Run(
        run_id=row["runId"],
        job=row["jobName"],
        status=row["status"].lower(),
        partition=tags.get("dagster/partition") or _range(tags),
        started=datetime.fromtimestamp(start, UTC) if start else None,
        seconds=end - start if start and end else None,
    )


def _range(tags: Mapping[str, str]) -> str:
    first, last = (tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    return f"{first} to {last}" if first and last else ""


def _checks(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every check that ever ran, with its asset's name."""
    for node in data["assetNodes"]:
        for check in node["assetChecksOrError"].get("checks", ()):
            if check["executionForLatestMaterialization"]:
                yield "/".join(node["assetKey"]["path"]), check


def _state(check: Mapping[str, Any]) -> str | None:
    return _STATES.get(check["executionForLatestMaterialization"]["status"])


def _failed(asset: str, check: Mapping[str, Any]) -> FailedCheck:
    execution = check["executionForLatestMaterialization"]
    evaluation = execution["evaluation"] or {}
    return FailedCheck(
        asset=asset,
        name=check["name"],
        state=_state(check) or "",
        severity=(evaluation.get("severity") or "error").lower(),
        at=datetime.fromtimestamp(execution["timestamp"], UTC),
        run_id=execution["runId"],
        description=evaluation.get("description") or "",
    )
