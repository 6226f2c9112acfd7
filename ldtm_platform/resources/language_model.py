"""The language model that explains the tables, as a Dagster resource: LLM_BASE_URL, LLM_API_KEY, LLM_MODEL."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import dagster as dg
import sqlalchemy as sa

from ldtm_platform.settings import load_settings
from ldtm_platform.universe import load_universe

if TYPE_CHECKING:
    from ldtm_platform.llm.asking import Answer


class LanguageModel(dg.ConfigurableResource[Any]):
    """Answers questions from the tables; every number of an answer is checked against the data it was given."""

    def answer(self, engine: sa.Engine, question: str, *, group: str | None = None) -> "Answer":
        """The checked answer; one without text and with its trouble where no server answers. Not from an event loop.

        Raises QuestionRefused, UniverseError, and dg.Failure where no server is set.
        """
        from ldtm_platform.llm.asking import Answer, ask
        from ldtm_platform.llm.endpoint import NotConfigured, endpoint_of
        from ldtm_platform.llm.toolbox import Toolbox

        settings = load_settings()
        try:
            endpoint = endpoint_of(settings)
        except NotConfigured as error:
            raise dg.Failure(str(error)) from None
        toolbox = Toolbox(engine, load_universe(settings.universe), group)

        async def last() -> Answer:
            async with aclosing(ask(question, toolbox, endpoint)) as events:
                async for event in events:
                    if isinstance(event, Answer):
                        return event
            raise AssertionError("the events ended without an answer")

        return asyncio.run(last())
