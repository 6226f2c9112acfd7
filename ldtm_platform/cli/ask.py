"""The commands about the language model: a question answered from the data, and the same data for MCP clients."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldtm_platform.cli.choosing import GroupOption, JsonOption
from ldtm_platform.cli.tables import say
from ldtm_platform.settings import load_settings
from ldtm_platform.universe import load_universe

if TYPE_CHECKING:
    from ldtm_platform.llm.asking import Answer, Event
    from ldtm_platform.llm.toolbox import Toolbox

QuestionArgument = Annotated[str, typer.Argument(help="In plain words, with tickers in capitals")]


def ask(question: QuestionArgument, group: GroupOption = None, as_json: JsonOption = False) -> None:
    """Ask a language model about forecasts, accuracy, models and news; every number is checked against the data."""
    from ldtm_platform.llm import terminal
    from ldtm_platform.llm.asking import ask as asked
    from ldtm_platform.llm.context import QuestionRefused, cleaned
    from ldtm_platform.llm.endpoint import NotConfigured, endpoint_of

    settings = load_settings()
    try:
        cleaned(question)
    except QuestionRefused as refusal:
        raise typer.BadParameter(str(refusal)) from None
    endpoint, trouble = None, ""
    try:
        endpoint = endpoint_of(settings)
    except NotConfigured as error:
        trouble = str(error)
    with _toolbox(group) as toolbox:
        answer = asyncio.run(_last(asked(question, toolbox, endpoint, trouble), quiet=as_json))
    if as_json:
        print(json.dumps(document_of(answer), default=str))
    else:
        if answer.checked is None:
            say(f"ldtm: {answer.trouble}")
            terminal.tables(answer.results)
        print("\n" + "\n".join(terminal.below(answer)))
    if answer.checked is None:
        raise typer.Exit(1)


def mcp(group: GroupOption = None) -> None:
    """Serve the same reads to an MCP client over standard input and output, until it hangs up."""
    from ldtm_platform.llm.mcp_server import serve

    with _toolbox(group) as toolbox:
        asyncio.run(serve(toolbox))


@contextmanager
def _toolbox(group: str | None) -> "Iterator[Toolbox]":
    """The tools over the database, read by the reader's role."""
    from ldtm_platform.llm.toolbox import Toolbox
    from ldtm_platform.stack.session import platform_session
    from ldtm_platform.warehouse.reader import reader_engine

    settings = load_settings()
    universe = load_universe(settings.universe)
    if group is not None:
        universe.group(group)
    with platform_session(settings):
        engine = reader_engine()
        try:
            yield Toolbox(engine, universe, group)
        finally:
            engine.dispose()


async def _last(events: "AsyncGenerator[Event, None]", *, quiet: bool) -> "Answer":
    """Print what comes, and give the end."""
    from ldtm_platform.llm.asking import Answer, Called, Partial
    from ldtm_platform.llm.terminal import Printer

    printer = Printer()
    async with aclosing(events) as coming:
        async for event in coming:
            if isinstance(event, Answer):
                if event.checked and not quiet:
                    printer.grow(event.checked, is_whole=True)
                return event
            if isinstance(event, Called) and not quiet:
                say(f"the model asked for {event.name}: {event.outcome}")
            if isinstance(event, Partial) and not quiet:
                printer.grow(event.checked)
    raise AssertionError("the events ended without an answer")


def document_of(answer: "Answer") -> dict[str, Any]:
    """An answer for programs, with every number, what the check found and where."""
    from ldtm_platform.llm import cite

    pieces = list(answer.checked.pieces()) if answer.checked else []
    return {
        "answer": "\n".join("".join(p.text for p in line.pieces) for line in answer.checked.lines)
        if answer.checked
        else None,
        "trouble": answer.trouble or None,
        "verdict": answer.checked.verdict if answer.checked else None,
        "numbers": [
            {"text": piece.text, "status": piece.status, "source": _named(piece.sources[0]) if piece.sources else None}
            for piece in pieces
            if piece.status
        ],
        "notes": answer.notes,
        "as_of": cite.as_of(answer.results),
        "sources": cite.sources(answer.checked, answer.results),
        "skill": cite.badge(answer.fleet),
        "data": [result.model_dump(mode="json") for result in answer.results],
    }


def _named(source: Any) -> dict[str, str]:  # noqa: ANN401 - imported late
    return {name: getattr(source, name) for name in ("table", "ticker", "session", "column")}


COMMANDS = (ask, mcp)
