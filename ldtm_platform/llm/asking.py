"""An answer to a question: data are read, a model explains them, tools give it more, and every number is checked.

The data come first and do not depend on the model: where no server answers, they are all there is, and the trouble is
told. Leaving the events early stops everything, the server's stream included. Nothing is stored.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

from ldtm_platform.llm import prompts, shapes
from ldtm_platform.llm.assembly import ToolCall, Turn
from ldtm_platform.llm.client import Client
from ldtm_platform.llm.context import CONTEXT_TOKENS, Context, cleaned, gather
from ldtm_platform.llm.endpoint import Endpoint, ModelError, Nonsense, NotConfigured, TooLong, ToolsRefused, Unreachable
from ldtm_platform.llm.facts import facts_of
from ldtm_platform.llm.render import LETTERS_A_TOKEN, fitted
from ldtm_platform.llm.toolbox import Toolbox, ToolRefused
from ldtm_platform.llm.verify import Checked, Checker

MOST_ROUNDS = 5
MOST_CALLS_A_ROUND = 4
RESULT_TOKENS = 2_000
FEWEST_TOKENS = 300
# Text is checked anew this often while it comes.
SHOWN_EVERY_S = 0.15
_LOOKS_LIKE_CALLS = ("{", "[", "<tool", "<|", "<function", "```")

CUT = "The server ended this answer early: it may be incomplete."
STOPPED = "The model went on calling tools and was stopped: this answer may be incomplete."
SMALLER = "The model's context is small: it was given fewer rows than were read."


@dataclass(frozen=True)
class Given:
    """The data that were read for the question: the tables that its answer rests on."""

    results: tuple[shapes.Result, ...]


@dataclass(frozen=True)
class Called:
    """A tool was called by the model; outcome: how many rows it gave, or why it was refused."""

    name: str
    outcome: str


@dataclass(frozen=True)
class Partial:
    """The answer so far, checked so far."""

    checked: Checked


@dataclass(frozen=True)
class Answer:
    """The end: the checked answer, or none and the trouble in a sentence; and what the model was given in all."""

    checked: Checked | None
    trouble: str
    notes: tuple[str, ...]
    results: tuple[shapes.Result, ...]

    @property
    def fleet(self) -> tuple[shapes.SkillRow, ...]:
        """The skill of the whole fleet against persistence, which goes with every answer."""
        return next((result.fleet for result in self.results if isinstance(result, shapes.Accuracy)), ())


Event = Given | Called | Partial | Answer


@dataclass
class _Talk:
    """What has been said so far."""

    toolbox: Toolbox
    question: str
    context: Context
    tokens: int = CONTEXT_TOKENS
    with_tools: bool = True
    exchanges: list[dict[str, object]] = field(default_factory=list)
    results: list[shapes.Result] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def messages(self) -> list[dict[str, object]]:
        return [*prompts.opening(self.context.text, self.question), *self.exchanges]

    def checker(self) -> Checker:
        given = [*self.context.results, *self.results]
        return Checker(facts_of(given, self.toolbox.universe.tickers))


async def ask(
    question: str, toolbox: Toolbox, endpoint: Endpoint | None, trouble: str = ""
) -> AsyncGenerator[Event, None]:
    """The events of an answer: Given first, Answer last. Without an endpoint the trouble says why.

    Raises QuestionRefused and SQLAlchemyError; all that the model's server does wrong becomes the Answer's trouble.
    """
    text = cleaned(question)
    context = await asyncio.to_thread(gather, toolbox, text)
    yield Given(context.results)
    talk = _Talk(toolbox, text, context)
    if endpoint is None:
        yield Answer(None, trouble or str(NotConfigured("no language model is set")), (), context.results)
        return
    try:
        async with aclosing(_answered(talk, endpoint)) as events:
            async for event in events:
                yield event
    except ModelError as error:
        yield Answer(None, endpoint.blanked(str(error)), tuple(talk.notes), (*context.results, *talk.results))


async def _answered(talk: _Talk, endpoint: Endpoint) -> AsyncGenerator[Event, None]:
    deadline = asyncio.get_running_loop().time() + endpoint.timeout
    async with Client(endpoint) as client:
        for left in range(MOST_ROUNDS, -1, -1):
            turn: Turn | None = None
            async with aclosing(_turn(talk, client, deadline, may_call=left > 0)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Turn):
                        turn = piece
                    else:
                        yield piece
            if turn is None or not turn.calls:
                break
            if left == 0:
                talk.notes.append(STOPPED)
                break
            said = [(call, await _called(talk, call)) for call in turn.calls[:MOST_CALLS_A_ROUND]]
            talk.exchanges += prompts.exchange(turn, [(call, text) for call, (text, _) in said])
            for call, (_, outcome) in said:
                yield Called(call.name[:60], outcome)
            if left == 1:
                talk.exchanges.append({"role": "user", "content": prompts.NOW})
    yield _ended(talk, endpoint, turn)


async def _turn(
    talk: _Talk, client: Client, deadline: float, *, may_call: bool
) -> AsyncGenerator[Partial | Turn, None]:
    """One turn, asked again without tools or with less data where the server wants that."""
    while True:
        tools = prompts.tool_list() if talk.with_tools and may_call else ()
        try:
            async with aclosing(client.turn(talk.messages(), tools)) as pieces:
                async for piece in _shown(talk, client.endpoint, pieces, deadline):
                    yield piece
            return
        except ToolsRefused:
            talk.with_tools = False
        except TooLong:
            if talk.tokens // 2 < FEWEST_TOKENS:
                raise
            # Tools and their results take space too.
            talk.tokens, talk.with_tools = talk.tokens // 2, False
            talk.exchanges.clear()
            talk.results.clear()
            talk.context = await asyncio.to_thread(gather, talk.toolbox, talk.question, tokens=talk.tokens)
            talk.notes = [SMALLER]


async def _shown(
    talk: _Talk, endpoint: Endpoint, pieces: AsyncIterator[str | Turn], deadline: float
) -> AsyncGenerator[Partial | Turn, None]:
    """A turn with its text as it may be shown so far, now and then. Raises Unreachable when the time is over."""
    checker, text, shown_at = talk.checker(), "", 0.0
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Unreachable(_too_slow(endpoint)) from None
        if isinstance(piece, Turn):
            yield piece
            continue
        text += piece
        if time.monotonic() - shown_at > SHOWN_EVERY_S and not text.lstrip().startswith(_LOOKS_LIKE_CALLS):
            # A word that is still coming may be a part of a number.
            whole, _, _ = text.rpartition(" ")
            yield Partial(checker.check(endpoint.blanked(whole)))
            shown_at = time.monotonic()


async def _called(talk: _Talk, call: ToolCall) -> tuple[str, str]:
    """What a tool says to the model, and how the call went, for people."""
    key = (call.name, call.json())
    if key in talk.asked:
        return "This was given already, above.", "asked for again"
    talk.asked.add(key)
    try:
        result = await asyncio.to_thread(talk.toolbox.call, call.name, call.arguments)
    except ToolRefused as refusal:
        return f"ERROR: {refusal}", f"refused: {refusal}"
    trimmed, text = fitted(result, RESULT_TOKENS * LETTERS_A_TOKEN)
    talk.results.append(trimmed)
    return text, f"{result.total} rows of {result.source}"


def _ended(talk: _Talk, endpoint: Endpoint, turn: Turn | None) -> Answer:
    """The answer that a last turn makes. Raises Nonsense when it says nothing."""
    text = "" if turn is None or turn.calls else endpoint.blanked(turn.text)
    checked = talk.checker().check(text)
    if not any(piece.text.strip() for piece in checked.pieces()):
        raise Nonsense(_silent(endpoint, turn))
    if turn is not None and turn.is_cut:
        talk.notes.append(CUT)
    return Answer(checked, "", tuple(talk.notes), (*talk.context.results, *talk.results))


def _silent(endpoint: Endpoint, turn: Turn | None) -> str:
    name = f"the language model at LLM_BASE_URL={endpoint.base_url}"
    if turn is not None and turn.calls:
        return f"{name} only called tools and never answered: ask more simply, or set another LLM_MODEL"
    if turn is not None and (turn.has_thought or "<think" in turn.text):
        return f"{name} thought and then said nothing: allow it longer answers, or set another LLM_MODEL"
    return f"{name} gave an empty answer: ask again, or set another LLM_MODEL"


def _too_slow(endpoint: Endpoint) -> str:
    return (
        f"the language model at LLM_BASE_URL={endpoint.base_url} had no whole answer after "
        f"LLM_TIMEOUT={endpoint.timeout:g} s: allow it more time, or set a faster LLM_MODEL"
    )
