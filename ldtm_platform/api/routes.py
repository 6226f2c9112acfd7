"""The paths of the API: each checks what is asked, calls one read, and answers in a declared shape."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, HTTPException, Query, Request

from ldtm_platform.api import shapes
from ldtm_platform.api.shapes import Refusal
from ldtm_platform.llm import score_tools
from ldtm_platform.llm import shapes as results
from ldtm_platform.llm.toolbox import Toolbox
from ldtm_platform.settings import Settings
from ldtm_platform.strategy.summary import is_of_made_up_prices
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse import reads

Call = Callable[[str, shapes.Asked], Any]


def create_router(settings: Settings, engine: sa.Engine) -> APIRouter:
    """The routes. The universe is read at each request, as it is a file that users edit."""
    router = APIRouter(dependencies=[Depends(_each_once)])

    def call(tool: str, asked: shapes.Asked) -> Any:  # noqa: ANN401
        return Toolbox(engine, load_universe(settings.universe)).call(tool, asked.model_dump(exclude_none=True))

    _add_documents(router, settings, engine)
    _add_tools(router, call)
    return router


def _each_once(request: Request) -> None:
    """Of a parameter that is repeated the last value would count, in silence."""
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1:
            raise HTTPException(422, f"{name[:60]} is given {times} times: give it once (tickers with commas)")


def _add_tools(router: APIRouter, call: Call) -> None:
    """What a language model may ask for too: the same checks, reads and shapes."""
    # The tool's name says which shape comes back, which types cannot: hence the ignores. FastAPI checks the shape.

    @router.get("/predictions")
    def predictions(asked: Annotated[shapes.PredictionsAsked, Query()]) -> results.Predictions:
        """The official forecasts of a session, by implied one-month return, with the counts of the buckets."""
        return call("predictions", asked)  # type: ignore[no-any-return]

    @router.get("/accuracy")
    def accuracy(asked: Annotated[shapes.AccuracyAsked, Query()]) -> results.Accuracy:
        """How forecasts of the last 30 days came true by ticker, and all of them by horizon, beside persistence."""
        return call("accuracy", asked)  # type: ignore[no-any-return]

    @router.get("/model-cards")
    def model_cards(asked: Annotated[shapes.Asked, Query()]) -> results.ModelCards:
        """The champion of each ticker: how it was trained, and its skill on the test part of its history."""
        return call("model_cards", asked)  # type: ignore[no-any-return]

    @router.get("/headlines")
    def headlines(asked: Annotated[shapes.HeadlinesAsked, Query()]) -> results.Headlines:
        """The newest headlines: strangers' text."""
        return call("headlines", asked)  # type: ignore[no-any-return]

    @router.get("/history")
    def history(asked: Annotated[shapes.HistoryAsked, Query()]) -> results.History:
        """Past forecasts and the closes that came true, newest first."""
        return call("history", asked)  # type: ignore[no-any-return]

    @router.get("/confidence")
    def confidence(asked: Annotated[shapes.ConfidenceAsked, Query()]) -> score_tools.Confidence:
        """How much the record says for each forecast of a session; a null score means not enough evidence."""
        return call("confidence", asked)  # type: ignore[no-any-return]


def _add_documents(router: APIRouter, settings: Settings, engine: sa.Engine) -> None:
    """What is given whole, as its file or its row has it."""

    @router.get("/universe")
    def universe() -> shapes.UniverseAnswer:
        """The tickers that are forecast, their sectors and groups."""
        known = load_universe(settings.universe)
        return shapes.UniverseAnswer(tickers=known.tickers, sector_of=dict(known.sector_of), groups=dict(known.groups))

    @router.get("/tqqq-signal", responses={404: {"model": Refusal}})
    def tqqq_signal(asked: Annotated[shapes.SessionAsked, Query()]) -> shapes.TqqqSignal:
        """The strategy summary of a session. Not investment advice."""
        frame = reads.tqqq_signal(engine, asked.session)
        if frame.is_empty():
            raise HTTPException(404, f"no TQQQ signal {f'of {asked.session}' if asked.session else 'yet'}")
        row = frame.row(0, named=True)
        summary = json.loads(row["summary"])
        told = {**row, "summary": summary, "is_simulated": is_of_made_up_prices(summary["disclaimer"])}
        return shapes.TqqqSignal.model_validate(told)
