"""A local server that answers like Dagster's GraphQL did, with what it said on a real instance."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RUN = "772561d4-d285-4bc7-953a-8e606ec5d2c2"
OTHER = "a27d79e4-0000-4000-8000-000000000000"


def _check(name: str, status: str, evaluation: dict[str, Any] | None) -> dict[str, Any]:
    execution = {"status": status, "timestamp": 1795276517.745868, "runId": RUN, "evaluation": evaluation}
    return {"name": name, "executionForLatestMaterialization": execution}


ANSWER: dict[str, Any] = {
    "data": {
        "runsOrError": {
            "results": [
                {
                    "runId": RUN,
                    "jobName": "daily_inference",
                    "status": "SUCCESS",
                    "startTime": 1795276500.0,
                    "endTime": 1795276510.6,
                    "tags": [
                        {"key": "dagster/asset_partition_range_start", "value": "2024-07-29"},
                        {"key": "dagster/asset_partition_range_end", "value": "2024-07-31"},
                    ],
                },
                {
                    "runId": OTHER,
                    "jobName": "full_retrain",
                    "status": "QUEUED",
                    "startTime": None,
                    "endTime": None,
                    "tags": [{"key": "dagster/partition", "value": "2024-07-31"}],
                },
            ]
        },
        "assetNodes": [
            {
                "assetKey": {"path": ["ldtm_checkpoints"]},
                "assetChecksOrError": {
                    "checks": [
                        _check(
                            "models_beat_tomorrow_is_today",
                            "FAILED",
                            {"severity": "WARN", "description": "6 champions without skill among 6"},
                        ),
                        {"name": "never_ran", "executionForLatestMaterialization": None},
                    ]
                },
            },
            {
                "assetKey": {"path": ["market_data_daily"]},
                "assetChecksOrError": {
                    "checks": [
                        _check("bars_are_complete", "SUCCEEDED", {"severity": "ERROR", "description": None}),
                        _check("bars_are_fresh", "EXECUTION_FAILED", None),
                    ]
                },
            },
            {"assetKey": {"path": ["news_headlines"]}, "assetChecksOrError": {}},
        ],
    }
}


@contextmanager
def answering(body: object = ANSWER, status: int = 200) -> Iterator[int]:
    """The port of a server that gives this JSON, or these bytes, to every request."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
