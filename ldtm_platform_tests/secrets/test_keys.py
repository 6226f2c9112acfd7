"""Keys appear nowhere: not in what commands say, in logs, in files, in either database, nor in what the UI serves."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from ldtm_platform_tests.cli.forked import Said
from ldtm_platform_tests.cli.home import Home, quick_home
from ldtm_platform_tests.cli.test_up import up
from ldtm_platform_tests.ports import kept_port
from ldtm_platform_tests.scratch import DRIVER
from ldtm_platform_tests.secrets.planted import PLANTED, SETTINGS, Echo
from ldtm_platform_tests.sources.vendor_server import serving

COMMANDS = ("status", "status --json", "ingest --help", "init-db")
EVENTS = """
query Runs { runsOrError { ... on Runs { results { runId jobName status runConfigYaml tags { key value }
  assets { key { path } } eventConnection { events { __typename ... on MessageEvent { message level }
  ... on ErrorEvent { error { message className stack cause { message } } }
  ... on LogsCapturedEvent { fileKey externalStdoutUrl externalStderrUrl }
  ... on MaterializationEvent { metadataEntries { label description ... on TextMetadataEntry { text }
      ... on JsonMetadataEntry { jsonString } } }
  ... on ExecutionStepFailureEvent { failureMetadata { metadataEntries { label
      ... on JsonMetadataEntry { jsonString } } } }
} } } } } }"""
WHOLE = """
query Whole { repositoriesOrError { ... on RepositoryConnection { nodes { name jobs { name description }
  allTopLevelResourceDetails { name description configuredValues { key value type } configFields { name
  defaultValueAsJson } } } } } instance { info daemonHealth { allDaemonStatuses { daemonType lastHeartbeatErrors {
  message stack } } } } }"""
LAUNCH = """
mutation Launch($job: String!, $tags: [ExecutionTag!]) { launchPipelineExecution(executionParams: {
  selector: {repositoryLocationName: "ldtm_platform", repositoryName: "__repository__", pipelineName: $job},
  runConfigData: {}, executionMetadata: {tags: $tags}}) { __typename ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message } } }"""
LOGS = """
query Captured($key: [String!]!) { capturedLogs(logKey: $key) { stdout stderr } }"""


@dataclass
class Trail:
    """All that was said and served, by where."""

    home: Home
    said: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, said: Said) -> Said:
        self.said[name] = said.out + said.err
        return said


@pytest.fixture(scope="module")
def trail() -> Iterator[Trail]:
    """A home in which the vendor first refused the key and then answered badly, by commands as a user runs them."""
    echo = Echo()
    with serving(echo) as server, kept_port() as ui, kept_port() as dashboard:
        own = {"LDTM_ALPACA_URL": server.url, "LDTM_UI_PORT": str(ui), "LDTM_DASHBOARD_PORT": str(dashboard)}
        with quick_home(**SETTINGS, **own) as home:
            yield ingested(home, echo)


def ingested(home: Home, echo: Echo) -> Trail:
    """What the first two commands said."""
    found = Trail(home)
    refused = found.keep("refused", home.ldtm("ingest"))
    assert refused.code == 1
    assert "HTTP 401 (the key *** *** is wrong" in refused.err
    echo.refuses = False
    mixed = found.keep("mixed", home.ldtm("ingest", "--json"))
    assert mixed.code == 1
    assert json.loads(mixed.out)["runs"][0]["failed"].keys() == {"ARM", "NVDA"}
    return found


def absent(text: str | bytes, where: str) -> None:
    for key in PLANTED:
        shown = key in text if isinstance(text, str) else key.encode() in text
        assert not shown, f"a key is in {where}"


def rows(home: Home, database: str) -> Iterator[tuple[str, str]]:
    """Every row of every table and view of a database as text, with where it is."""
    with home.postgres.session() as connection:
        engine = sa.create_engine(connection.url(database, driver=DRIVER), poolclass=sa.NullPool)
        with engine.connect() as open_connection:
            for schema in sa.inspect(engine).get_schema_names():
                for table in sa.inspect(engine).get_table_names(schema=schema):
                    found = open_connection.execute(sa.text(f'SELECT t::text FROM "{schema}"."{table}" t')).scalars()
                    yield f"{database}.{table}", "\n".join(found)


def test_commands_say_no_key(trail: Trail) -> None:
    for command in COMMANDS:
        trail.keep(command, trail.home.ldtm(*command.split()))
    assert "invalid symbol: ARM for *** ***" in trail.said["mixed"]
    for where, text in trail.said.items():
        assert text, where
        absent(text, f"what `ldtm {where}` said")


@pytest.mark.parametrize(("database", "known"), [("ldtm", "NVDA"), ("dagster", "market_data_daily")])
def test_databases_hold_no_key(trail: Trail, database: str, known: str) -> None:
    told = dict(rows(trail.home, database))
    # It would prove nothing if the rows were not read.
    assert known in "".join(told.values())
    if database == "ldtm":
        assert "***" in told["ldtm.market_data_quarantine"]
    for where, text in told.items():
        absent(text, where)


def test_files_hold_no_key(trail: Trail) -> None:
    """PostgreSQL's own files and logs included: what was written and deleted is there too."""
    looked = 0
    for path in trail.home.path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            absent(path.read_bytes(), str(path))
            looked += 1
    assert looked > 100


def ask(home: Home, query: str, **variables: object) -> str:
    body = json.dumps({"query": query, "variables": variables}).encode()
    address = f"http://127.0.0.1:{home.settings['LDTM_UI_PORT']}/graphql"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        text: str = response.read().decode()
    assert "errors" not in json.loads(text), text
    return text


def launched(home: Home, job: str) -> None:
    """A run by the daemon, in a process of its own, to its end."""
    spans = [("start", "AMGN"), ("end", "NVDA")] if job == "market_data_ingest" else []
    tags = [{"key": f"dagster/asset_partition_range_{side}", "value": ticker} for side, ticker in spans]
    run_id = json.loads(ask(home, LAUNCH, job=job, tags=tags))["data"]["launchPipelineExecution"]["run"]["runId"]
    for _ in range(240):
        status = ask(home, "query Q($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id)
        if any(word in status for word in ("SUCCESS", "FAILURE", "CANCELED")):
            return
        time.sleep(0.5)
    raise AssertionError(f"{job} has not ended")


@contextmanager
def platform_up(home: Home) -> Iterator[None]:
    """`ldtm up`, stopped whatever happens within the block."""
    with up(home) as process:
        try:
            yield
        finally:
            process.terminate()


def served_by(home: Home) -> Iterator[tuple[str, str]]:
    """What the UI is given: runs with their events and output, resources and definitions, pages."""
    events = ask(home, EVENTS)
    assert "invalid symbol: ARM for *** ***" in events
    yield "runs", events
    yield "definitions", ask(home, WHOLE)
    for run in json.loads(events)["data"]["runsOrError"]["results"]:
        for event in run["eventConnection"]["events"]:
            if event.get("fileKey"):
                yield "output", ask(home, LOGS, key=[run["runId"], "compute_logs", event["fileKey"]])
    for page in ("/", "/server_info", "/overview/resources", "/locations"):
        address = f"http://127.0.0.1:{home.settings['LDTM_UI_PORT']}{page}"
        with urllib.request.urlopen(address, timeout=30) as response:
            yield page, response.read().decode()


@pytest.mark.slow
def test_what_the_ui_serves_holds_no_key(trail: Trail) -> None:
    """Real webserver, daemon and run workers; then, again, all that they left in files and databases."""
    with platform_up(trail.home):
        for job in ("market_data_ingest", "news"):
            launched(trail.home, job)
        found = list(served_by(trail.home))
    assert "output" in dict(found)
    for where, text in found:
        absent(text, where)
    test_files_hold_no_key(trail)
    test_databases_hold_no_key(trail, "ldtm", "NVDA")
    test_databases_hold_no_key(trail, "dagster", "market_data_daily")
    assert "***" in dict(rows(trail.home, "ldtm"))["ldtm.news_headlines"]


def test_the_scan_finds_what_is_there(trail: Trail, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="a key is in here"):
        absent(f"... {PLANTED[1]} ...", "here")
    with pytest.raises(AssertionError, match="a key is in here"):
        absent(f"... {PLANTED[0]} ...".encode(), "here")
