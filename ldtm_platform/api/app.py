"""The JSON API, read-only, below /api/v1: the reads of llm/tools.py over HTTP, with a page that documents them."""

from importlib.metadata import version
from typing import get_type_hints

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from ldtm_platform.api.documentation import page
from ldtm_platform.api.routes import create_router
from ldtm_platform.api.shapes import Refusal
from ldtm_platform.llm.toolbox import ToolRefused, complaint
from ldtm_platform.settings import Settings
from ldtm_platform.universe import UniverseError
from ldtm_platform.warehouse.reader import TooManyRows

DESCRIPTION = (
    "Forecasts of the official champion of each ticker, and how they came true. Skill is 1 - error / error of "
    "\"tomorrow's close is today's\": above 0 is better than that. Percentages are in per cent, prices in dollars in "
    "the price basis of their own session. Everything is read-only. Not investment advice."
)


def create_api(settings: Settings, engine: sa.Engine) -> FastAPI:
    """The API of a database that is read through the engine."""
    # FastAPI's own documentation pages load scripts from elsewhere.
    api = FastAPI(
        title="LD-TM API",
        version=version("ldtm_platform"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses={422: {"model": Refusal}, 503: {"model": Refusal}},
    )
    api.include_router(create_router(settings, engine))
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _refused)
    for error in (ToolRefused, UniverseError, TooManyRows):
        api.add_exception_handler(error, _cannot)
    api.add_exception_handler(sa.exc.SQLAlchemyError, _unreadable)

    def documentation() -> HTMLResponse:
        return HTMLResponse(page(api.openapi()))

    for path in ("/", "/docs"):
        api.add_api_route(path, documentation, include_in_schema=False)
    return api


def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Each parameter that cannot be used, and those that can where one is unknown."""
    assert isinstance(error, RequestValidationError)
    # All parameters of a path are fields of the one model that it is asked with; "query" stands before their names.
    known = get_type_hints(request.scope["endpoint"])["asked"].model_fields
    return _answer(422, complaint([{**item, "loc": item["loc"][1:]} for item in error.errors()], known))


def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    hint = "; /api/v1/docs lists what there is" if error.status_code == 404 and error.detail == "Not Found" else ""
    return _answer(error.status_code, f"{error.detail}{hint}")


def _cannot(_request: Request, error: Exception) -> JSONResponse:
    return _answer(422, str(error))


def _unreadable(_request: Request, error: Exception) -> JSONResponse:
    return _answer(503, f"the database cannot be read ({type(error).__name__}): is `ldtm up` running?")


def _answer(status: int, message: str) -> JSONResponse:
    return JSONResponse(Refusal(error=message).model_dump(), status)
