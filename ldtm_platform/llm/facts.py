"""The numbers, dates and names in the data that a model was given, each with the row that it stands in."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel

from ldtm_platform.horizons import SESSIONS_A_MONTH
from ldtm_platform.llm import shapes
from ldtm_platform.llm.kinds import COUNT, PERCENT, RATIO, Kind, kinds_of, shown

_OUTSIDE = ("rows", "fleet")
# Sentences of our own making.
_PROSE = ("last_training_message", "reasons", "verdict")


@dataclass(frozen=True, order=True)
class Source:
    """A row: its table or view, its ticker (none for the whole fleet), its session or day, and a column of it."""

    table: str
    ticker: str = ""
    session: str = ""
    column: str = ""

    @property
    def row(self) -> "Source":
        """The row without the column."""
        return Source(self.table, self.ticker, self.session)


@dataclass(frozen=True)
class Fact:
    """A number as it was given: rounded to the decimals of its kind."""

    value: Decimal
    kind: Kind
    source: Source
    # A constant of the platform counts days or sessions, and nothing else.
    is_constant: bool = False


@dataclass(frozen=True)
class DateFact:
    """A day that was given."""

    day: date
    source: Source


@dataclass(frozen=True)
class TextFact:
    """A text that was given. With an address it is a headline, and the numbers in it are its author's."""

    text: str
    source: Source
    url: str = ""


@dataclass(frozen=True)
class Facts:
    """All that a model was given. numbers: by size, so that those near a value are found quickly."""

    numbers: Sequence[Fact] = ()
    dates: Sequence[DateFact] = ()
    texts: Sequence[TextFact] = ()
    names: frozenset[str] = frozenset()
    tickers: frozenset[str] = frozenset()
    _sizes: Sequence[Decimal] = field(default=(), repr=False)

    def near(self, value: Decimal, within: Decimal) -> Iterator[Fact]:
        """The numbers whose size is within that distance of a value's, whatever their signs."""
        low = bisect_left(self._sizes, abs(value) - within)
        high = bisect_right(self._sizes, abs(value) + within)
        return iter(self.numbers[low:high])

    @property
    def links(self) -> frozenset[str]:
        """The addresses that were given."""
        return frozenset(text.url for text in self.texts if text.url)


def facts_of(results: Iterable[shapes.Result], known_tickers: Iterable[str] = ()) -> Facts:
    """The facts in results, each once."""
    numbers = list(_constants())
    dates: list[DateFact] = []
    texts: list[TextFact] = []
    names: set[str] = set()
    for result in results:
        whole = Source(result.source)
        names.add(result.source.casefold())
        for fact in _in_row(result, whole):
            numbers.append(fact) if isinstance(fact, Fact) else dates.append(fact)
        for row in _rows(result):
            source = _source(result.source, row)
            for fact in _in_row(row, source):
                numbers.append(fact) if isinstance(fact, Fact) else dates.append(fact)
            texts += _texts(row, source)
            names |= _names(row)
    unique = sorted(dict.fromkeys(numbers), key=lambda fact: abs(fact.value))
    given = {fact.source.ticker for fact in unique} | {text.source.ticker for text in texts}
    return Facts(
        numbers=unique,
        dates=list(dict.fromkeys(dates)),
        texts=list(dict.fromkeys(texts)),
        names=frozenset(names),
        tickers=frozenset({*known_tickers, *given} - {""}),
        _sizes=[abs(fact.value) for fact in unique],
    )


def _rows(result: shapes.Result) -> list[shapes.Row]:
    found: list[shapes.Row] = []
    for name in _OUTSIDE:
        found += getattr(result, name, ())
    return found


def _source(table: str, row: shapes.Row) -> Source:
    """Where a row stands: of its several days, the one that says as of when it holds."""
    days = (getattr(row, name, None) for name in ("run_date", "latest_run_date", "trained_through", "last_run_date"))
    published = getattr(row, "published_at", None)
    day = next((day for day in days if day is not None), published.date() if published else None)
    ticker = getattr(row, "ticker", "")
    column = "" if ticker else str(getattr(row, "horizon", ""))
    # A row of the fleet is told by its horizon.
    return Source("ldtm_prediction_errors" if column else table, ticker, str(day or ""), column)


def _in_row(row: BaseModel, source: Source) -> Iterator[Fact | DateFact]:
    kinds = kinds_of(type(row))
    for name in type(row).model_fields:
        value = getattr(row, name)
        column = f"{source.column}.{name}" if source.column else name
        at = Source(source.table, source.ticker, source.session, column)
        if name in kinds and value is not None:
            constant = name == "window_days"
            given = shown(value, kinds[name])
            yield Fact(given, kinds[name], at, is_constant=constant)
            if kinds[name] == RATIO:
                # A skill of 0.12 may be told as 12 %.
                yield Fact(given * 100, PERCENT, at)
        elif isinstance(value, datetime):
            yield DateFact(value.date(), at)
        elif isinstance(value, date):
            yield DateFact(value, at)


def _texts(row: shapes.Row, source: Source) -> Iterator[TextFact]:
    if isinstance(row, shapes.HeadlineRow):
        yield TextFact(row.title, Source(source.table, source.ticker, source.session, "title"), row.url)
    for column in _PROSE:
        written = getattr(row, column, None) or ()
        for text in (written,) if isinstance(written, str) else written:
            yield TextFact(text, Source(source.table, source.ticker, source.session, column))


def _names(row: shapes.Row) -> set[str]:
    """Names with digits in them that are no numbers: versions and columns."""
    named = [getattr(row, name, None) for name in ("model_version", "version")]
    if isinstance(row, shapes.HeadlineRow):
        named.append(f"{row.published_at:%H:%M}")
    return {name.casefold() for name in (*named, *type(row).model_fields) if name}


def _constants() -> Iterator[Fact]:
    yield Fact(Decimal(SESSIONS_A_MONTH), COUNT, Source("one_month", column="sessions"), is_constant=True)
