"""A stranger's text as it is shown: one form for every letter and digit, and nothing hidden.

Only what comes out of here is checked and shown, so that what was checked is what people read: other scripts' digits
are ASCII, invisible and direction-turning letters are gone, and of markdown only headings, lists and table rows remain.
Markup that would join or hide digits (emphasis, tags, links, images) is taken out before anything is checked.
"""

import re
import unicodedata
from dataclasses import dataclass
from html import unescape
from typing import Literal

LONGEST_ANSWER = 20_000

LineKind = Literal["text", "heading", "item", "row", "blank"]

_MINUS = dict.fromkeys(map(ord, "\u2212\u2010\u2011\ufe63\uff0d"), "-")
_TAG = re.compile(r"<[a-zA-Z/!?][^<>\n]*>")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)")
_EMPHASIS = re.compile(r"\*+|`+|~~+")
_URL = re.compile(
    r"(?:https?:|www\.|//[\w-]+\.)[^\s|<>\"']*|\b(?:javascript|data|file|ftp|mailto|vbscript):\S*", re.IGNORECASE
)
_THOUGHT = re.compile(
    r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)|\A(?:(?!<think).)*?</think>", re.DOTALL | re.IGNORECASE
)
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+")
_ITEM = re.compile(r"\s*(?:[-•–+]\s+|(\d{1,2})[.)]\s+)")
_RULE = re.compile(r"[\s|:=_-]*")

REMOVED_LINK = "(link removed)"


@dataclass(frozen=True)
class Line:
    """A line as it is shown. marker: the number of a list item that counts on from the one before it, or nothing."""

    kind: LineKind
    text: str
    marker: str = ""


def plain(text: str) -> str:
    """Letters and digits in one form, control, direction and zero-width characters gone, line breaks kept."""
    formed = unicodedata.normalize("NFKC", unescape(unescape(text))).translate(_MINUS)
    return "".join(shown for letter in formed if (shown := _letter(letter)))


def without_thoughts(text: str) -> str:
    """A model's text without what it wrote to itself between <think> marks.

    A mark that is not closed hides the rest, and one that was not opened (as by a template) what stands before it.
    """
    return _THOUGHT.sub("", text)


def lines_of(text: str, allowed_links: frozenset[str] = frozenset()) -> list[Line]:
    """The lines of a model's text as they are shown. Links that were not in the data are replaced by a remark."""
    formed = plain(without_thoughts(text))[:LONGEST_ANSWER]
    formed = _LINK.sub(lambda link: link[1], formed)
    formed = _URL.sub(lambda url: _kept(url[0], allowed_links), _TAG.sub("", formed))
    found: list[Line] = []
    for raw in _EMPHASIS.sub("", formed).split("\n"):
        line = _line(raw, found)
        if line is not None:
            found.append(line)
    return found


def url_spans(text: str) -> list[tuple[int, int]]:
    """Where addresses stand in a shown line."""
    return [(found.start(), found.start() + len(_bare(found[0]))) for found in _URL.finditer(text)]


def _letter(letter: str) -> str:
    """One character as it is shown; nothing for what cannot be seen."""
    if letter == "\n":
        return letter
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.digit(letter))
    if category[0] == "Z" or letter in "\t\r":
        return " " if category not in ("Zl", "Zp") else "\n"
    return "" if category[0] == "C" else letter


def _kept(url: str, allowed: frozenset[str]) -> str:
    bare = _bare(url)
    return url if bare in allowed else REMOVED_LINK + url[len(bare) :]


def _bare(url: str) -> str:
    """An address without the punctuation of the sentence that it ends."""
    return url.rstrip(".,;:!?)]}'\"")


def _line(raw: str, before: list[Line]) -> Line | None:
    """The line, or none for what only draws: rules under headings, fences of code, second blanks."""
    text = " ".join(raw.split())
    if not text:
        return Line("blank", "") if before and before[-1].kind != "blank" else None
    if _RULE.fullmatch(text):
        return None
    if heading := _HEADING.match(raw):
        return Line("heading", " ".join(raw[heading.end() :].split()))
    if text.startswith("|"):
        return Line("row", text)
    item = _ITEM.match(raw)
    if item is None:
        return Line("text", text)
    number, rest = item[1], " ".join(raw[item.end() :].split())
    if not rest:
        return Line("text", text)
    if number is None:
        # A dash before a number may be meant as its sign: then it stays, and is checked as one.
        return Line("text", text) if text[0] in "-+–" and rest[0] in "0123456789$.%" else Line("item", rest)
    return Line("item", rest, f"{number}.") if int(number) == _count_before(before) + 1 else Line("text", text)


def _count_before(before: list[Line]) -> int:
    """The number of the list item before this line; sub-items, their text and blank lines may stand in between."""
    for line in reversed(before):
        if line.marker:
            return int(line.marker[:-1])
        if line.kind == "heading":
            break
    return 0
