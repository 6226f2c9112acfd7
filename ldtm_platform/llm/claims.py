"""The numbers that a line of text claims: where they stand, what they say and in which unit.

Read strictly: digits that are no number in a form known here (1,234.5, $12.30, -3.5 %, 1.2k, 12/20) are a claim that
nothing can confirm. So are words such as half or twice, and digits and shares of other kinds.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ldtm_platform.llm.affixes import Around, Unit, around, may_begin, token_end
from ldtm_platform.llm.words import COUNTED, DERIVED_WORDS, LOWER, NUMBER_WORDS, TURNED, VALUED, value_of

Span = tuple[int, int]

_RUN = re.compile(r"\d[\d.,'’_]*")
_GROUP = re.compile(r" \d{3}(?!\d)")
_TAIL = re.compile(r"[.,]\d[\d.,'’_]*")
_CANONICAL = re.compile(r"(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,2}(?: \d{3})+)?(?:\.\d+)?")
_HITS = re.compile(r"(0|[1-9]\d*)/([1-9]\d*)(?![/\w%]|[.,]\d)")
_RANK = re.compile(r"(?:\brank(?:ed)?|\bn|#)\s*[=:]?\s*#?\Z", re.IGNORECASE)
# A unit at letters that look like digits.
_DISGUISED = re.compile(r"[$€£¥] ?[A-Za-z]+|\b[A-Za-z]{1,6}%")
_INDEX = re.compile(r"\b(?:nasdaq[ -]100|s&p ?500)\b", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][\w.:+-]*\w|\d\d:\d\d")
# Of the text around a number, what says how it is meant.
_NEAR_BEFORE, _NEAR_AFTER = 45, 25
_LONGEST_NUMBER = 30
# In the place of what is read already: numbers may stand beside it.
_HIDDEN = "|"


@dataclass(frozen=True)
class Claim:
    """A number in a line; without a value it is one that nothing can confirm.

    value is without its sign; sign is -1 or 1 where it is written or said, else 0; quantum is the size of the last
    digit that is shown. partner: of 12/20, the 20 for the 12 and the 12 for the 20.
    """

    start: int
    end: int
    value: Decimal | None = None
    quantum: Decimal = Decimal(1)
    unit: Unit = ""
    sign: int = 0
    is_scaled: bool = False
    is_counted: bool = False
    is_valued: bool = False
    is_lower: bool = False
    partner: Decimal | None = None


def numbers_of(line: str, masked: Sequence[Span] = (), names: frozenset[str] = frozenset()) -> list[Claim]:
    """The claims of a line in their order.

    masked: parts that are read already or are no claims; names: tokens that are no numbers although they have digits.
    """
    hidden = [*masked, *(found.span() for found in _INDEX.finditer(line))]
    hidden += [found.span() for found in _NAME.finditer(line) if found[0].casefold() in names]
    for start, end in hidden:
        line = line[:start] + _HIDDEN * (end - start) + line[end:]
    claims: list[Claim] = []
    for read in (_digits, _words, _oddities):
        for claim in read(line):
            _add(claims, claim)
    return sorted(claims, key=lambda claim: claim.start)


def _add(claims: list[Claim], claim: Claim) -> None:
    """Add a claim; where some overlap, none is understood: they become one that nothing can confirm."""
    shared = [other for other in claims if claim.start < other.end and other.start < claim.end]
    if any(other.start <= claim.start and claim.end <= other.end for other in shared):
        return
    for other in shared:
        claims.remove(other)
        claim = Claim(min(claim.start, other.start), max(claim.end, other.end))
    claims.append(claim)


def _digits(line: str) -> Iterator[Claim]:
    at = 0
    while run := _RUN.search(line, at):
        start = run.start()
        if (hits := _HITS.match(line, start)) and may_begin(line, start):
            own, other = (Decimal(part) for part in hits.groups())
            yield Claim(*hits.span(1), own, is_counted=True, partner=other)
            yield Claim(*hits.span(2), other, is_counted=True, partner=own)
            at = hits.end()
            continue
        end = _end_of(line, run)
        if start and line[start - 1] == "." and not line[start - 2 : start - 1].isalnum():
            start -= 1
        claim = _number(line, line[start:end], around(line, start, end))
        yield claim
        at = max(end, claim.end)


def _end_of(line: str, run: re.Match[str]) -> int:
    """Where a number that begins with a run of digits ends: groups of three after spaces belong to it."""
    text = run[0].rstrip(".,'’_")
    end = run.start() + len(text)
    if len(text) > 3 or not text.isdigit() or end != run.end():
        return end
    while group := _GROUP.match(line, end):
        end = group.end()
        if tail := _TAIL.match(line, end):
            return end + len(tail[0].rstrip(".,'’_"))
    return end


def _number(line: str, text: str, found: Around) -> Claim:
    if found.is_odd or len(text) > _LONGEST_NUMBER or not _CANONICAL.fullmatch(text):
        return Claim(found.start, token_end(line, found.end))
    power, decimals = found.power or 0, len(text.partition(".")[2])
    claim = Claim(
        found.start,
        found.end,
        Decimal(text.replace(",", "").replace(" ", "")).scaleb(power),
        Decimal(1).scaleb(power - decimals),
        found.unit,
        found.sign,
        found.power is not None,
        found.is_ordinal,
    )
    return _in_context(line, claim)


def _in_context(line: str, claim: Claim) -> Claim:
    """The claim with what the words around it say: turned negative, counting things, or telling a value."""
    left, right = line[max(0, claim.start - _NEAR_BEFORE) : claim.start], line[claim.end :][:_NEAR_AFTER]
    turned = TURNED.search(left) is not None
    if turned and claim.sign > 0:
        return Claim(claim.start, claim.end)
    counted = claim.is_counted or COUNTED.match(right) is not None or _RANK.search(left) is not None
    return replace(
        claim,
        sign=-1 if turned else claim.sign,
        is_counted=counted,
        is_valued=not counted and VALUED.search(left) is not None,
        is_lower=LOWER.search(left) is not None or LOWER.search(right) is not None,
    )


def _words(line: str) -> Iterator[Claim]:
    for found in DERIVED_WORDS.finditer(line):
        yield Claim(*found.span())
    for found in NUMBER_WORDS.finditer(line):
        here = around(line, *found.span())
        value = value_of(found[0])
        alone = found[0].lower().split()[-1] == "one" and value is None
        if alone and not here.unit:
            continue
        if value is None and not alone:
            yield Claim(*found.span())
            continue
        value = Decimal(1) if value is None else value
        spoken = len(found[0].lower().partition(" point ")[2].split())
        text = f"{value:f}" if spoken else f"{value.to_integral_value()}"
        yield _number(line, text, here)


def _oddities(line: str) -> Iterator[Claim]:
    """Digits of scripts that have no ten of them (三, Ⅻ, ፩), and amounts in letters that look like digits ($lOO)."""
    for at, letter in enumerate(line):
        if not letter.isascii() and unicodedata.numeric(letter, None) is not None:
            yield Claim(at, at + 1)
    for found in _DISGUISED.finditer(line):
        yield Claim(*found.span())
