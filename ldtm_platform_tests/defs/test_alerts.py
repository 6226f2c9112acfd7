"""Alerts reach an address once each, say what is wrong, and never name the address."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from ldtm_platform.definitions import defs
from ldtm_platform.defs.alerts import AlertRefused, post
from ldtm_platform.postgres.server import Connection
from ldtm_platform_tests.defs.bench import bench

REPOSITORY = defs.get_repository_def()
CHECK = next(key for key in REPOSITORY.asset_checks_defs_by_key if key.name == "models_beat_tomorrow_is_today")


class Listener(HTTPServer):
    """Keeps what is posted to it; answers with the status that is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[str] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/services/hunter2"

    def since(self) -> list[str]:
        """What was posted since the last look."""
        heard, self.heard = self.heard, []
        return heard


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def listening() -> Iterator[Listener]:
    with Listener() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening() as server:
        monkeypatch.setenv("LDTM_ALERT_URL", server.url)
        yield server


def tick(instance: dg.DagsterInstance, name: str, cursor: str | None) -> SensorExecutionData:
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, repository_def=REPOSITORY, sensor_name=name
    ) as context:
        return REPOSITORY.get_sensor_def(name).evaluate_tick(context)


def evaluated(instance: dg.DagsterInstance, *, passed: bool) -> None:
    evaluation = dg.AssetCheckEvaluation(
        asset_key=CHECK.asset_key,
        check_name=CHECK.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description="2 champions without skill among 3",
        metadata={},
    )
    instance.report_runless_asset_event(evaluation)


def test_a_check_is_told_when_it_begins_to_fail_and_when_it_passes_again(listener: Listener) -> None:
    name = f"{CHECK.asset_key.to_user_string()}.{CHECK.name}"
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = tick(instance, "alerts_of_checks", None).cursor
        evaluated(instance, passed=False)
        listener.status = 503
        with pytest.raises(AlertRefused, match="LDTM_ALERT_URL answered 503"):
            tick(instance, "alerts_of_checks", cursor)
        listener.status = 200
        listener.since()
        cursor = tick(instance, "alerts_of_checks", cursor).cursor
        assert listener.since() == [f"LD-TM: check failed: {name}: (warning) 2 champions without skill among 3"]
        evaluated(instance, passed=False)
        cursor = tick(instance, "alerts_of_checks", cursor).cursor
        assert listener.since() == []
        evaluated(instance, passed=True)
        cursor = tick(instance, "alerts_of_checks", cursor).cursor
        assert listener.since() == [f"LD-TM: check passes again: {name}"]
        assert json.loads(cursor or "") == {}


def test_a_run_that_failed_is_told_with_the_reasons_of_its_steps(
    listener: Listener, server: Connection, template: str, tmp_path: Path
) -> None:
    with bench(server, template, tmp_path) as ready:
        cursor = tick(ready.instance, "alerts_of_runs", None).cursor
        # SNDK is not listed yet at the end of the data.
        assert not ready.run("market_data_ingest", partition="SNDK").success
        cursor = tick(ready.instance, "alerts_of_runs", cursor).cursor
        (told,) = listener.since()
        assert told.startswith("LD-TM: run failed: market_data_ingest: ")
        assert "SNDK" in told
        tick(ready.instance, "alerts_of_runs", cursor)
        assert listener.since() == []


def test_without_an_address_nothing_is_looked_at() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        evaluated(instance, passed=False)
        skipped = tick(instance, "alerts_of_checks", None)
        assert skipped.skip_message == "no address for alerts is set (LDTM_ALERT_URL)"
        assert skipped.cursor is None


def test_the_address_is_in_no_message_and_no_log(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    post(["any"])
    assert listener.since() == ["LD-TM: any"]
    monkeypatch.setenv("LDTM_ALERT_URL", "http://127.0.0.1:9/services/hunter2")
    with pytest.raises(AlertRefused) as refused:
        post(["any"])
    assert str(refused.value) == "the address of LDTM_ALERT_URL cannot be reached (Connection refused)"
    assert refused.value.__suppress_context__
    assert "hunter2" not in caplog.text
