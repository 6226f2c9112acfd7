"""Whether the numbers of an answer stand in the data that it was given: the model explains, and must not invent.

A number is found when a fact has it: of a ticker that its sentence names (or the text before it, where the sentence
names none), in a unit that fits the kind, with its sign, and rounded properly to the digits shown, at least two of them
unless it is exact. Differences, ratios and sums are found only where a tool gave them. A number that stands in a
headline alone is its author's and is told apart. Everything else is marked in the text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ldtm_platform.llm.claims import Claim, Span, numbers_of
from ldtm_platform.llm.dates import DateClaim, dates_of
from ldtm_platform.llm.facts import Fact, Facts, Source, TextFact
from ldtm_platform.llm.kinds import COUNT, PERCENT, PRICE, RATIO
from ldtm_platform.llm.plain import Line, LineKind, lines_of, url_spans

Status = Literal["found", "headline", "missing"]

_TICKER = re.compile(r"(?<![A-Za-z0-9])[A-Z][A-Z0-9.\-]{0,9}(?![A-Za-z0-9])")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[^\d\s])")
_FITS = {"price": (PRICE,), "percent": (PERCENT,), "ratio": (RATIO,)}
_FEWEST_DIGITS, _FEWEST_UNSCOPED = 2, 3
_MOST_SOURCES = 5


@dataclass(frozen=True)
class Piece:
    """A part of a line: text between numbers (no status), a number with its status, or a link that was given."""

    text: str
    status: Status | None = None
    sources: tuple[Source, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class CheckedLine:
    """A line of an answer in its pieces."""

    kind: LineKind
    pieces: tuple[Piece, ...]
    marker: str = ""


@dataclass(frozen=True)
class Checked:
    """An answer as it may be shown."""

    lines: tuple[CheckedLine, ...]

    def count(self, status: Status) -> int:
        """How many numbers have a status."""
        return sum(piece.status == status for piece in self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """All pieces in their order."""
        for line in self.lines:
            yield from line.pieces

    @property
    def sources(self) -> tuple[Source, ...]:
        """The rows that the found numbers stand in, in the order of the answer."""
        rows = (source.row for piece in self.pieces() for source in piece.sources[:1])
        return tuple(dict.fromkeys(rows))

    @property
    def verdict(self) -> str:
        """What the check found, in words."""
        found, quoted, missing = (self.count(status) for status in ("found", "headline", "missing"))
        total = found + quoted + missing
        if not total:
            return "No number in this answer, so there was none to check."
        said = f"All {total} numbers in this answer stand in the data it was given."
        if total == 1:
            said = "The one number in this answer stands in the data it was given."
        if missing or quoted:
            said = f"{found} of {total} numbers in this answer stand in the data it was given."
        if quoted:
            said += f" {quoted} come from headlines only: their authors' figures, not the platform's."
        if missing:
            said += f" {missing} could not be found there and are marked: do not rely on them."
        return said


class Checker:
    """Checks answers against the facts that were given."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        # What a text's author wrote in figures, so that quoting it is not taken for inventing.
        self._quotable = [(text, numbers_of(text.text, names=facts.names)) for text in facts.texts]

    def check(self, text: str) -> Checked:
        """The answer in checked pieces. Only these may be shown: links and markup of the text are gone."""
        scope: frozenset[str] = frozenset()
        checked = []
        for line in lines_of(text, self._facts.links):
            if line.kind in ("blank", "heading"):
                scope = frozenset()
            pieces, scope = self._line(line, scope)
            checked.append(CheckedLine(line.kind, tuple(pieces), line.marker))
        return Checked(tuple(checked))

    def _line(self, line: Line, scope: frozenset[str]) -> tuple[list[Piece], frozenset[str]]:
        pieces: list[Piece] = []
        start = 0
        for gap in [*_SENTENCE.finditer(line.text), None]:
            end = gap.end() if gap else len(line.text)
            sentence = line.text[start:end]
            scope = self._tickers(sentence) or scope
            pieces += self._sentence(sentence, scope)
            start = end
        return pieces, scope

    def _tickers(self, sentence: str) -> frozenset[str]:
        return frozenset(_TICKER.findall(sentence)) & self._facts.tickers

    def _sentence(self, sentence: str, scope: frozenset[str]) -> Iterator[Piece]:
        links: list[Span] = url_spans(sentence)
        days = [day for day in dates_of(sentence) if not _inside(day, links)]
        numbers = numbers_of(sentence, [*links, *((day.start, day.end) for day in days)], self._facts.names)
        at = 0
        claims: list[DateClaim | Claim | Span] = [*days, *numbers, *links]
        for each in sorted(claims, key=_start):
            start, end = each if isinstance(each, tuple) else (each.start, each.end)
            if start > at:
                yield Piece(sentence[at:start])
            yield self._piece(sentence[start:end], each, scope)
            at = end
        if at < len(sentence):
            yield Piece(sentence[at:])

    def _piece(self, text: str, each: "DateClaim | Claim | Span", scope: frozenset[str]) -> Piece:
        if isinstance(each, tuple):
            return Piece(text, url=text)
        if isinstance(each, DateClaim):
            days = (fact.source for fact in self._facts.dates if each.fits(fact.day) and _in(scope, fact.source))
            named = _named_first(days)
            return Piece(text, "found" if named else "missing", named)
        sources = _named_first(fact.source for fact in self._matches(each, scope))
        quoted = [] if sources else list(self._quoted(each, scope))
        sources = sources or tuple(quote.source for quote in quoted if not quote.url)
        if sources:
            return Piece(text, "found", sources)
        return Piece(text, "headline" if quoted else "missing", tuple(quote.source for quote in quoted[:5]))

    def _matches(self, claim: Claim, scope: frozenset[str]) -> Iterator[Fact]:
        if claim.value is None:
            return
        for fact in self._facts.near(claim.value, claim.quantum / 2):
            fits = _in(scope, fact.source) and _says(claim, fact, is_scoped=self._is_scoped(scope, fact))
            if fits and (claim.partner is None or self._has(fact.source.row, claim.partner)):
                yield fact

    def _is_scoped(self, scope: frozenset[str], fact: Fact) -> bool:
        """Whether it is clear whose number it is; a table of hundred tickers has any two digits somewhere."""
        return bool(scope) or not fact.source.ticker or len(self._facts.tickers) == 1

    def _has(self, row: Source, value: Decimal) -> bool:
        return any(
            f.source.row == row and f.kind == COUNT and f.value == value for f in self._facts.near(value, Decimal(0))
        )

    def _quoted(self, claim: Claim, scope: frozenset[str]) -> Iterator[TextFact]:
        """The texts that have the very same figure."""
        for text, others in self._quotable if claim.value is not None else ():
            same = ((other.value, other.unit, abs(other.sign - claim.sign) < 2) for other in others)
            if _in(scope, text.source) and (claim.value, claim.unit, True) in same:
                yield text


def _says(claim: Claim, fact: Fact, *, is_scoped: bool) -> bool:
    """Whether a claim tells a fact: kind, sign and digits; that the sizes are near is known."""
    exact = claim.value == abs(fact.value)
    if fact.kind == COUNT:
        return is_scoped and not claim.unit and not claim.is_valued and claim.sign >= 0 and _counts(claim, fact, exact)
    if claim.is_counted or (claim.unit and fact.kind not in _FITS[claim.unit]) or not _has_sign(claim, fact):
        return False
    needed = _FEWEST_DIGITS if is_scoped else _FEWEST_UNSCOPED
    digits = _digits(claim)
    return digits >= needed or (exact and is_scoped)


def _counts(claim: Claim, fact: Fact, exact: bool) -> bool:
    if fact.is_constant and not claim.is_counted:
        return False
    return exact or (claim.is_scaled and _digits(claim) >= _FEWEST_DIGITS)


def _has_sign(claim: Claim, fact: Fact) -> bool:
    if fact.value == 0 or claim.value == 0:
        # Rounded to nothing, a number says nothing of the fact.
        return fact.value == 0 and claim.value == 0
    if fact.value > 0:
        return claim.sign >= 0
    return claim.sign < 0 or (claim.sign == 0 and claim.is_lower)


def _digits(claim: Claim) -> int:
    """How many significant digits are shown."""
    value = claim.value or Decimal(0)
    return max(0, value.adjusted() - claim.quantum.adjusted() + 1) if value else 0


def _in(scope: Iterable[str], source: Source) -> bool:
    return not scope or not source.ticker or source.ticker in scope


def _named_first(sources: Iterable[Source]) -> tuple[Source, ...]:
    """A few of the sources, those of a ticker before those of a whole table."""
    return tuple(sorted(dict.fromkeys(sources), key=lambda source: not source.ticker))[:_MOST_SOURCES]


def _start(each: "DateClaim | Claim | Span") -> int:
    return each[0] if isinstance(each, tuple) else each.start


def _inside(day: DateClaim, spans: Iterable[Span]) -> bool:
    return any(start <= day.start < end for start, end in spans)
