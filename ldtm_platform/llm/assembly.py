"""A model's turn, put together from the pieces that servers send: text, and calls of tools.

Servers differ: a call's name and arguments come whole or in pieces, with or without index and id, as a string or as an
object, in the message or in a delta, or as text; choices may be empty; thoughts come in fields of their own.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ldtm_platform.llm.endpoint import Nonsense, Refused

EXPECTED = "LLM_BASE_URL must name an OpenAI-compatible server, such as http://127.0.0.1:8080/v1"
MOST_TEXT = 100_000
MOST_CALLS = 16
# Around calls that are written as text: <tool_call>{...}</tool_call>, [TOOL_CALLS][...], <|python_tag|>{...}, ```json.
_MARKS = re.compile(
    r"</?tool_calls?>|\[TOOL_CALLS\]|</?function_call>|<\|(?:python_tag|eom_id|eot_id|tool_calls?(?:_begin|_end)?)\|>"
    r"|```(?:json|tool_code)?"
)


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model wants to be called; arguments: JSON text or what the server made of it."""

    id: str
    name: str
    arguments: object

    def json(self) -> str:
        """The arguments as JSON text, as a server takes them back: what is none becomes an empty object."""
        try:
            given = json.loads(self.arguments) if isinstance(self.arguments, str) else self.arguments
        except (ValueError, RecursionError):
            given = {}
        return json.dumps(given if isinstance(given, dict) else {})


@dataclass(frozen=True)
class Turn:
    """What a model said in one turn: calls of tools, or else a text for people.

    is_native: the calls came as the API has them, and not as text. is_cut: the server ended the turn early.
    """

    text: str
    calls: tuple[ToolCall, ...] = ()
    is_native: bool = False
    is_cut: bool = False
    has_thought: bool = False


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    text: str = ""
    given: object = None


@dataclass
class Assembly:
    """A turn in the making. server: how messages name it."""

    server: str
    text: str = ""
    finish: str = ""
    has_thought: bool = False
    has_any: bool = False
    _calls: dict[int, _Call] = field(default_factory=dict)

    def take(self, chunk: object) -> str:
        """Take a chunk or a whole completion in; the text that it adds. Raises Nonsense, Refused for a said error."""
        if not isinstance(chunk, Mapping):
            raise Nonsense(f"{self.server} sent a chunk that is no JSON object: {EXPECTED}")
        if chunk.get("error"):
            raise Refused(f"{self.server} says: {error_text(chunk)}")
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            return ""
        choice = choices[0]
        part = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
        if not isinstance(part, Mapping):
            raise Nonsense(f"{self.server} sent a choice without delta and message: {EXPECTED}")
        self.has_any = True
        self.finish = str(choice.get("finish_reason") or self.finish)
        self.has_thought |= bool(part.get("reasoning_content") or part.get("reasoning"))
        self._take_calls(part)
        added = _text(part.get("content"))[: MOST_TEXT - len(self.text)]
        self.text += added
        return added

    @property
    def is_full(self) -> bool:
        """Whether the model has said more than anybody will read."""
        return len(self.text) >= MOST_TEXT

    def turn(self, *, is_ended: bool) -> Turn:
        """The turn. is_ended: the server said that it is over."""
        calls = [call for _, call in sorted(self._calls.items()) if call.name]
        made = [ToolCall(call.id or f"call_{at}", call.name, _arguments(call)) for at, call in enumerate(calls)]
        cut = self.finish == "length" or self.is_full or not (is_ended or self.finish)
        is_native = bool(made)
        made = made or calls_in_text(self.text)
        return Turn(self.text, tuple(made[:MOST_CALLS]), is_native, cut, self.has_thought)

    def _take_calls(self, part: Mapping[str, object]) -> None:
        listed = part.get("tool_calls")
        legacy = part.get("function_call")
        pieces = listed if isinstance(listed, list) else [{"function": legacy}] if legacy else []
        for piece in pieces:
            function = piece.get("function") if isinstance(piece, Mapping) else None
            if isinstance(function, Mapping):
                self._take_call(piece, function)

    def _take_call(self, piece: Mapping[str, object], function: Mapping[str, object]) -> None:
        name, call_id = str(function.get("name") or ""), str(piece.get("id") or "")
        at = piece.get("index")
        at = at if isinstance(at, int) else len(self._calls) - (0 if name else 1)
        # Some servers give every call the index 0, each with its own id or name.
        known = self._calls.get(at)
        if known and ((call_id and known.id and call_id != known.id) or (name and known.name and _whole(known))):
            at = max(self._calls) + 1
        call = self._calls.setdefault(max(at, 0), _Call())
        call.id = call.id or call_id
        if name and name != call.name:
            call.name += name
        given = function.get("arguments")
        if isinstance(given, str):
            call.text = (call.text + given)[:MOST_TEXT]
        elif given is not None:
            call.given = given


def calls_in_text(text: str) -> list[ToolCall]:
    """The calls that a text consists of, where a model writes them as text; none where it is anything else."""
    bare = _MARKS.sub(" ", text).strip() if len(text) < MOST_TEXT else ""
    if not bare.startswith(("{", "[")):
        return []
    listed: list[object] = []
    for document in _documents(bare):
        inner = document.get("tool_calls", document) if isinstance(document, dict) else document
        listed += inner if isinstance(inner, list) else [inner]
    calls = [_call_of(each) for each in listed]
    return [ToolCall(f"call_{at}", *call) for at, call in enumerate(calls) if call] if all(calls) else []


def _documents(text: str) -> list[object]:
    """The JSON documents that a text consists of, one after the other; none where it is anything else."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        found.append(document)
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,;"))
    return found


def error_text(body: Mapping[str, object]) -> str:
    """What an error body says, in its several forms."""
    error = body.get("error") or body.get("message") or body.get("detail") or body
    said = error.get("message") or error.get("msg") or error if isinstance(error, Mapping) else error
    return " ".join(str(said).split())[:300]


def _call_of(item: object) -> tuple[str, object] | None:
    if isinstance(item, Mapping) and isinstance(item.get("function"), Mapping):
        item = item["function"]
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        return None
    arguments = item.get("arguments", item.get("parameters"))
    return (item["name"], arguments) if arguments is not None else None


def _text(content: object) -> str:
    """A content that is text, or a list of parts some of which are."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "".join(text for text in texts if isinstance(text, str))
    return ""


def _arguments(call: _Call) -> object:
    return call.given if call.given is not None else call.text


def _whole(call: _Call) -> bool:
    """Whether a call's arguments are complete, so that a further name begins another call."""
    if call.given is not None:
        return True
    try:
        json.loads(call.text)
    except (ValueError, RecursionError):
        return False
    return True
