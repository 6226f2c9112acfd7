"""Numbers as people read them; a direction always has a word or an arrow, never only a colour."""

from collections.abc import Sequence
from datetime import date

MISSING = "–"
# A minus sign, not a hyphen: it is as wide as a plus.
_MINUS = "\u2212"


def number(value: float | None, digits: int = 2) -> str:
    """A plain number with thousands separators; a dash for None."""
    if value is None:
        return MISSING
    # What rounds to zero has no sign.
    return f"{round(value, digits) or 0.0:,.{digits}f}".replace("-", _MINUS)


def money(value: float | None) -> str:
    """A price in dollars, two decimals; a dash for None."""
    return MISSING if value is None else f"${number(value)}"


def signed(value: float | None, digits: int = 2) -> str:
    """A number with its sign, + or a true minus."""
    return MISSING if value is None else f"{value:+,.{digits}f}".replace("-", _MINUS)


def with_minus(sentence: str) -> str:
    """A sentence made elsewhere, with a true minus before its negative numbers."""
    return sentence.replace(" -", f" {_MINUS}")


def percent(value: float | None, digits: int = 2) -> str:
    """A percentage that has no direction, such as a share or an error: `51.6 %`."""
    return MISSING if value is None else f"{number(value, digits)} %"


def change(value: float | None, digits: int = 2) -> str:
    """A percentage with a direction: `▲ +1.20 %`, `▼ −0.40 %`, `■ 0.00 %`."""
    if value is None:
        return MISSING
    if round(value, digits) == 0:
        return f"■ {number(0, digits)} %"
    return f"{'▲' if value > 0 else '▼'} {signed(value, digits)} %"


def day(value: date | None) -> str:
    """A day with its weekday: `Wed 2026-04-22`."""
    return MISSING if value is None else f"{value:%a} {value.isoformat()}"


def listed(names: Sequence[str], *, most: int = 5) -> str:
    """Names as a sentence lists them; of many the first ones."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def plural(count: int, noun: str) -> str:
    """`1 session`, `21 sessions`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
