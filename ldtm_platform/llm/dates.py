"""The dates that a line of text names: 2026-04-22, April 22nd, 22 Apr 2026, 4/22/2026, April 2026, in 2026."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_MONTHS = "January February March April May June July August September October November December".split()
_NAME = "(?P<name>" + "|".join([*_MONTHS, "Sept", *(month[:3] for month in _MONTHS)]) + r")\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PATTERNS = (
    r"(?P<year>\d{4})(?P<between>[-/])(?P<month>\d{2})(?P=between)(?P<day>\d{2})",
    rf"{_NAME} {_DAY}(?:,? {_YEAR})?",
    rf"{_DAY}(?: of)? {_NAME}(?:,? {_YEAR})?",
    rf"{_NAME},? {_YEAR}",
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})",
    rf"(?:(?<=\b[Ii]n )|(?<=\b[Ss]ince )|(?<=\b[Dd]uring )){_YEAR}",
)
# What follows would make it another number, or an amount.
_NOT_AFTER = r"(?![\w/%$€£¥^+*]|[.,:-]\d| ?(?:%|dollars?|usd|USD|percent|per cent|points?|days?|sessions?|rows?)\b)"
_DATES = tuple(re.compile(rf"(?<![\w$€£¥.,/+^-]){pattern}{_NOT_AFTER}") for pattern in _PATTERNS)


@dataclass(frozen=True)
class DateClaim:
    """A date, or the parts of one that are told: 0 stands for what is not."""

    start: int
    end: int
    year: int = 0
    month: int = 0
    day: int = 0

    def fits(self, day: date) -> bool:
        """Whether a day is what is told of it."""
        told = (self.year, self.month, self.day)
        return all(part in (0, own) for part, own in zip(told, (day.year, day.month, day.day), strict=True))


def dates_of(line: str) -> Iterator[DateClaim]:
    """The dates in a line; where two readings overlap, the first of the forms above."""
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for found in pattern.finditer(line):
            if all(found.end() <= start or end <= found.start() for start, end in taken):
                taken.append(found.span())
                yield _claim(found)


def _claim(found: re.Match[str]) -> DateClaim:
    parts = found.groupdict()
    name = parts.get("name")
    month = [each[:3] for each in _MONTHS].index(name[:3]) + 1 if name else int(parts.get("month") or 0)
    return DateClaim(*found.span(), int(parts.get("year") or 0), month, int(parts.get("day") or 0))
