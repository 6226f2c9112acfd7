"""What stands around digits and belongs to the number: sign, currency, scale and unit."""

import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["", "price", "percent", "ratio"]

_BEFORE = re.compile(
    r"(?P<sign>[-+–]|(?:(?<=[:=(|,])|(?<=[:=(|,] ))[-–] )?(?P<currency>(?:US)?[$€£¥] ?)?(?P<late>[-+–])?\Z"
)
_SCALE = re.compile(r"(?: ?(?P<word>thousand|million|billion|trillion)|(?P<letter>mn|bn|[kmbt]))\b", re.IGNORECASE)
_POWERS = {"thousand": 3, "k": 3, "million": 6, "mn": 6, "m": 6, "billion": 9, "bn": 9, "b": 9, "trillion": 12, "t": 12}
_UNIT = re.compile(
    r"(?P<odd>%? ?-?(?:percentage points?|points?|pps?|bps?|basis points?|cents?|euros?|eur|gbp|yen)\b| ?[€£¥])"
    r"|(?P<percent> ?%| ?-?percent\b| ?per cent\b)"
    r"|(?P<price> ?-?(?:dollars?|usd)\b)|(?P<ratio>x\b)|(?P<nth>(?:st|nd|rd|th)\b)",
    re.IGNORECASE,
)
_SIGNS = {"-": -1, "–": -1, "+": 1, "": 0}
_MAY_STAND_BEFORE = frozenset(" ([{\"'“‘|:;,-–—…<>=→≈~#")
_MAY_STAND_AFTER = frozenset(" )]}\"'”’|:;,.!?-–—…<→")


@dataclass(frozen=True)
class Around:
    """The span of a number with what belongs to it. is_odd: it is in no form that can be confirmed."""

    start: int
    end: int
    sign: int
    unit: Unit
    power: int | None
    is_ordinal: bool
    is_odd: bool


def around(line: str, start: int, end: int) -> Around:
    """What belongs to the digits in [start, end) of a line."""
    begin, sign, currency = _before(line, start)
    scale = _SCALE.match(line, end)
    power = _POWERS[(scale["word"] or scale["letter"]).lower()] if scale else None
    stop = scale.end() if scale else end
    found = _UNIT.match(line, stop)
    kind = found.lastgroup if found else None
    stop = found.end() if found else stop
    odd = (
        kind == "odd"
        or len(sign) > 1
        or currency not in ("", "$", "US$")
        or (currency != "" and kind not in (None, "price"))
        or (kind in ("nth", "ratio") and power is not None)
        or not may_begin(line, begin)
        or not may_end(line, stop)
    )
    # mypy takes what `in` has narrowed for any text.
    unit: Unit = "price" if currency else kind if kind in ("price", "percent", "ratio") else ""  # type: ignore[assignment]
    return Around(begin, stop, _SIGNS.get(sign, 0), unit, power, kind == "nth", odd)


def may_begin(line: str, start: int) -> bool:
    """Whether a number can begin here: not in the middle of a word, a time or a formula."""
    if start == 0:
        return True
    before = line[start - 1]
    return before in _MAY_STAND_BEFORE and not (before in ":,'" and line[start - 2 : start - 1].isdigit())


def may_end(line: str, end: int) -> bool:
    """Whether a number can end here."""
    if end == len(line):
        return True
    return line[end] in _MAY_STAND_AFTER and not (line[end] in ":,.'" and line[end + 1 : end + 2].isdigit())


def token_end(line: str, end: int) -> int:
    """Where the word ends that goes on at `end`."""
    rest = re.match(r"[^\s|,;)]*", line[end:])
    return end + (rest.end() if rest else 0)


def _before(line: str, start: int) -> tuple[int, str, str]:
    """Where sign and currency before digits begin, the sign's letters, and the currency."""
    found = _BEFORE.search(line[:start])
    if found is None or not found[0]:
        return start, "", ""
    begin, first, late = found.start(), (found["sign"] or ""), (found["late"] or "")
    # After a word, a number or a closed bracket it joins or says "to", and is no sign.
    if first and begin and (line[begin - 1].isalnum() or line[begin - 1] in "%)"):
        begin, first = begin + len(first), ""
    elif not first and not found["currency"] and begin and (line[begin - 1].isalnum() or line[begin - 1] in "%)"):
        begin, late = start, ""
    return begin, first.strip() + late, (found["currency"] or "").strip()
