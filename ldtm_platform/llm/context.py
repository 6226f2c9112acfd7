"""The data that a question is about, chosen by simple code: what a model is given first, with or without tools.

Tickers and groups are found in the question by name, and what it asks for by a few words. So a server without tool
calls can answer, and the tables are there when no server answers at all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ldtm_platform.llm import shapes
from ldtm_platform.llm.plain import plain
from ldtm_platform.llm.render import LETTERS_A_TOKEN, fitted, rows_of
from ldtm_platform.llm.toolbox import Toolbox, ToolRefused
from ldtm_platform.universe import Universe

LONGEST_QUESTION = 2_000
CONTEXT_TOKENS = 4_000
_MOST_TICKERS = 12
_SYMBOL = re.compile(r"\$?[A-Za-z][A-Za-z0-9.\-]*")
# Tickers that are everyday words count only when they are written as tickers are.
_EVERYDAY = frozenset("app arm cost dash ea fast fang fer lin mar meta mu on rop team tri stx csx key all".split())
_WORDS = {
    "model_cards": re.compile(r"\b(?:train|trained|training|model|models|epochs?|loss|losses|card|cards|version)\b"),
    "headlines": re.compile(r"\b(?:news|headlines?|press|says?|said|stories|story|why)\b"),
    "history": re.compile(r"\b(?:histor\w+|past|was|were|actual\w*|came true|last|previous|errors?|yesterday|week)\b"),
    "confidence": re.compile(r"\b(?:confiden\w+|sure|trust|reliable|certain\w*|believe)\b"),
    "tqqq_signal": re.compile(r"\b(?:tqqq|sqqq|qqq|signal|exposure|strategy|regime|long|short|flat|leverag\w+)\b"),
}


@dataclass(frozen=True)
class Context:
    """What was read for a question, in the order of its importance, and the text of it that a model is given."""

    results: tuple[shapes.Result, ...]
    text: str


class QuestionRefused(ValueError):
    """The question cannot be asked as it is; the message says why."""


def cleaned(question: str) -> str:
    """The question as it is asked: visible letters only, of a bounded length. Raises QuestionRefused."""
    if len(question) > 20 * LONGEST_QUESTION:
        raise QuestionRefused(f"the question has {len(question):,} letters; ask in {LONGEST_QUESTION:,} at most")
    text = "\n".join(" ".join(line.split()) for line in plain(question).split("\n")).strip()
    if not text:
        raise QuestionRefused("ask something, such as: which tickers have the highest implied one-month return?")
    if len(text) > LONGEST_QUESTION:
        raise QuestionRefused(f"the question has {len(text):,} letters; ask in {LONGEST_QUESTION:,} at most")
    return text


def tickers_in(question: str, universe: Universe) -> tuple[str, ...]:
    """The tickers that a question names, or those of the groups that it names."""
    named: list[str] = []
    for found in _SYMBOL.finditer(question):
        bare = found[0].removeprefix("$").rstrip(".-")
        is_written = bare.isupper() or found[0].startswith("$")
        if bare.upper() in universe.sector_of and (is_written or (len(bare) > 1 and bare.lower() not in _EVERYDAY)):
            named.append(bare.upper())
    words = question.lower().replace("_", " ")
    groups = [name for name in universe.groups if re.search(rf"\b{re.escape(name.replace('_', ' '))}\b", words)]
    for name in groups if not named else ():
        named += universe.groups[name]
    return tuple(dict.fromkeys(named))


def gather(toolbox: Toolbox, question: str, *, tokens: int = CONTEXT_TOKENS) -> Context:
    """Read what the question is about and put it into text of at most about so many tokens."""
    tickers = tickers_in(question, toolbox.universe)
    if toolbox.group is not None:
        mine = set(toolbox.universe.group(toolbox.group))
        tickers = tuple(ticker for ticker in tickers if ticker in mine)
    results: list[shapes.Result] = []
    for name, arguments in _plan(question, tickers[:50]):
        result = _read(toolbox, name, arguments)
        if result is not None and not any(_has_all_of(earlier, result) for earlier in results):
            results.append(result)
    return _fitting(results, tokens * LETTERS_A_TOKEN)


def _plan(question: str, tickers: tuple[str, ...]) -> list[tuple[str, dict[str, object]]]:
    words = question.lower()
    asks = {name: pattern.search(words) is not None for name, pattern in _WORDS.items()}
    few = bool(tickers) and len(tickers) <= _MOST_TICKERS
    whose = {"tickers": tickers}
    plan: list[tuple[str, dict[str, object]]] = []
    if asks["tqqq_signal"]:
        plan.append(("tqqq_signal", {}))
    plan.append(("predictions", {**whose, "limit": len(tickers) if few else 15}))
    plan.append(("accuracy", {**whose, "limit": len(tickers) if few else 15, "order": "ticker" if few else "skill"}))
    if not few:
        plan.append(("predictions", {**whose, "limit": 5, "lowest_first": True}))
    if few or asks["confidence"]:
        plan.append(("confidence", {**whose, "limit": 3 * len(tickers) if few else 15}))
    if asks["headlines"] or few:
        plan.append(("headlines", {**whose, "limit": 10 if asks["headlines"] else 4}))
    if few or asks["model_cards"]:
        plan.append(("model_cards", {**whose, "limit": len(tickers) if few else 15}))
    if asks["history"] or len(tickers) == 1:
        plan.append(("history", {**whose, "limit": 15 if asks["history"] else 6}))
    return plan


def _read(toolbox: Toolbox, name: str, arguments: dict[str, object]) -> shapes.Result | None:
    try:
        return toolbox.call(name, arguments)
    except ToolRefused:
        # A group without the ticker of the signal, as any other refusal, only means that there is less to give.
        return None


def _has_all_of(earlier: shapes.Result, later: shapes.Result) -> bool:
    """Whether the lowest forecasts are among the highest already, as in a small group."""
    same = isinstance(earlier, shapes.Predictions) and isinstance(later, shapes.Predictions)
    return same and len(rows_of(earlier)) == earlier.total == later.total


def _fitting(results: Sequence[shapes.Result], letters: int) -> Context:
    """Each result gets its share of the space, and what an earlier one leaves over goes to the later ones."""
    kept: list[shapes.Result] = []
    texts: list[str] = []
    left = letters
    for at, result in enumerate(results):
        trimmed, text = fitted(result, left // (len(results) - at))
        if len(text) <= left or not kept:
            kept.append(trimmed)
            texts.append(text)
            left -= len(text)
    return Context(tuple(kept), "\n\n".join(texts))
