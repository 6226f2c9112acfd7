"""What a number is: a price, a percentage, a ratio, a count. The kind says how it is shown and may be quoted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated

from pydantic import BaseModel


@dataclass(frozen=True)
class Kind:
    """A kind of number and the decimals that it is shown with."""

    name: str
    decimals: int


PRICE = Kind("price", 2)
PERCENT = Kind("percent", 2)
RATIO = Kind("ratio", 3)
LOSS = Kind("loss", 5)
# A forecast takes less than a millisecond.
SECONDS = Kind("seconds", 6)
COUNT = Kind("count", 0)
SCORE = Kind("score", 1)

Price = Annotated[float, PRICE]
Percent = Annotated[float, PERCENT]
Ratio = Annotated[float, RATIO]
Loss = Annotated[float, LOSS]
Seconds = Annotated[float, SECONDS]
Count = Annotated[int, COUNT]
Score = Annotated[float, SCORE]


@cache
def kinds_of(model: type[BaseModel]) -> Mapping[str, Kind]:
    """The kind of each numeric field of a model; other fields are left out."""
    found: dict[str, Kind] = {}
    for name, field in model.model_fields.items():
        marks = [*field.metadata, *_marks(field.annotation)]
        found.update((name, mark) for mark in marks if isinstance(mark, Kind))
    return found


def shown(value: float, kind: Kind) -> Decimal:
    """The number as it is given to a model and shown to people: rounded to the decimals of its kind."""
    # The shortest text of a float is what a database client would show of it.
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(-kind.decimals))


def text_of(value: object, kind: Kind | None) -> str:
    """One value as compact text: a number by its kind, a date in ISO form, a dash for nothing."""
    if value is None:
        return "-"
    if kind is not None and isinstance(value, int | float):
        return str(shown(value, kind))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    return value.isoformat() if isinstance(value, date) else str(value)


def _marks(annotation: object) -> list[object]:
    """The marks inside an optional: pydantic keeps those of `Price` but not those of `Price | None`."""
    inner: tuple[object, ...] = getattr(annotation, "__args__", ())
    return [mark for each in inner for mark in getattr(each, "__metadata__", ())]
