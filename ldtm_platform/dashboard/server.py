"""The one server of the read side: the dashboard's pages, /healthz, /metrics and the JSON API, behind one guard."""

import base64
import hashlib
import re
from importlib.metadata import version

import sqlalchemy as sa
from dash import Dash
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from ldtm_platform.api.app import create_api
from ldtm_platform.dashboard.app import create_dash
from ldtm_platform.dashboard.guard import Rules, guarded
from ldtm_platform.dashboard.health import health
from ldtm_platform.dashboard.statics import PLOTLY_ADDRESS, kept, plotly
from ldtm_platform.metrics.registry import create_registry
from ldtm_platform.settings import Settings

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def create_server(settings: Settings, engine: sa.Engine) -> ASGIApp:
    """The ASGI app of a database that is read through the engine. Nothing is asked of the database before a request."""
    app = FastAPI(title="LD-TM", version=version("ldtm_platform"), docs_url=None, redoc_url=None, openapi_url=None)
    _add_health(app, settings, engine)
    _add_metrics(app, engine)
    app.mount("/api/v1", create_api(settings, engine))
    app.add_api_route(PLOTLY_ADDRESS, plotly, methods=["GET"])
    dash = create_dash(settings, engine, server=app)
    return guarded(_compressed(kept(app)), Rules.of(settings, script_hashes(dash)))


def _compressed(app: ASGIApp) -> ASGIApp:
    """The app whose longer answers, such as the 130 kB of a page with figures, travel compressed."""
    return GZipMiddleware(app, minimum_size=4_096, compresslevel=1)


def script_hashes(dash: Dash) -> list[str]:
    """What the content security policy names of the scripts that stand in the page itself."""
    own = [_sha256(script) for script in _INLINE_SCRIPT.findall(dash.index_string)]
    return [*dash.csp_hashes(), *own]


def _sha256(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _add_health(app: FastAPI, settings: Settings, engine: sa.Engine) -> None:
    def healthz() -> JSONResponse:
        found = health(settings, engine)
        return JSONResponse(found.as_dict(), 200 if found.is_well else 503, {"cache-control": "no-store"})

    app.add_api_route("/healthz", healthz, methods=["GET", "HEAD"])


def _add_metrics(app: FastAPI, engine: sa.Engine) -> None:
    registry = create_registry(engine)

    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route("/metrics", metrics, methods=["GET", "HEAD"])
