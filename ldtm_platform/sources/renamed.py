"""A source asked under the names that it uses: a ticker's present one, and for the days before a change its former.

Some vendors carry the whole history under the present name, some leave the old days under the old one, and files hold
what they held when they were made. A former name is asked only for the days on which it held, and where the present
name has no bar of them; a source whose whole history is at hand is asked under both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from ldtm_platform.renames import FormerName, Rename, former_names
from ldtm_platform.sources.base import (
    BAR_COLUMNS,
    BarRequest,
    MarketDataSource,
    TickerBars,
    as_date,
    as_number,
    no_answer,
)

# Vendors differ in the last digits; another company's prices, or another basis, differ in most of them.
_SAME_PRICE = 0.005
_FEW = 0.1


class RenamedSource(MarketDataSource):
    """A source whose answers are all under present names. Rows from a former name say so: `sample:FB`."""

    def __init__(self, inner: MarketDataSource, renames: Sequence[Rename]) -> None:
        self._inner, self._former = inner, former_names(renames)
        self.name, self.price_basis = inner.name, inner.price_basis
        self.rereads_history = inner.rereads_history

    @property
    def origins(self) -> tuple[str, ...]:
        """The inner source's."""
        return self._inner.origins

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request: the inner source's, with the days of former names."""
        wanted = {request.ticker: request for request in requests}
        held: dict[str, TickerBars] = {}
        former: dict[str, BarRequest] = {}
        for answer in self._inner.fetch(requests):
            parts = self._parts(answer, wanted[answer.ticker])
            if parts:
                held[answer.ticker] = answer
                former |= {part.ticker: part for part in parts}
            else:
                yield answer
        told = {answer.ticker: answer for answer in self._inner.fetch(list(former.values()))} if former else {}
        for ticker, answer in held.items():
            names = [name for name in self._former[ticker] if name.name in former]
            yield _joined(answer, names, told, self.name)

    def _parts(self, answer: TickerBars, request: BarRequest) -> list[BarRequest]:
        """What is to be asked under former names."""
        days = _days(answer)
        return [
            BarRequest(part.name, max(request.start, part.since), min(request.end, part.until))
            for part in self._former.get(request.ticker, ())
            if request.start < part.until
            and request.end > part.since
            # Once the vendor has a bar of those days under the present name, it has what there is of them.
            and (self.rereads_history or not any(part.since <= day < part.until for day in days))
        ]


def _joined(answer: TickerBars, names: Sequence[FormerName], told: Mapping[str, TickerBars], source: str) -> TickerBars:
    ticker = answer.ticker
    for name in names:
        part = told[name.name]
        if part.error or part.bars.is_empty():
            continue
        own = answer.bars.clear() if answer.error else answer.bars
        if own.height and (objection := _objection(own, part.bars, name.name)):
            return no_answer(ticker, f"{ticker}: {objection}")
        older = _not_in(_dated(part.bars, name), own).with_columns(ticker=pl.lit(ticker))
        rows = older.select("date", source=pl.lit(f"{source}:{name.name}"))
        actions = part.actions.with_columns(ticker=pl.lit(ticker))
        answer = replace(
            answer,
            bars=pl.concat(_same_types(older.select(BAR_COLUMNS), own.select(BAR_COLUMNS))),
            actions=pl.concat([answer.actions, actions.join(answer.actions, on=["ex_date", "kind"], how="anti")]),
            rows=rows if answer.rows is None else pl.concat([answer.rows, rows]),
            error=_trouble_of_its_own(answer, name),
            gone=False,
        )
    return answer


def _trouble_of_its_own(answer: TickerBars, name: FormerName) -> str | None:
    """That a vendor does not know the present name is no trouble where it has the former."""
    return None if answer.gone else answer.error


def _objection(own: pl.DataFrame, older: pl.DataFrame, name: str) -> str | None:
    closes = _closes(own).join(_closes(older), on="date", suffix="_old")
    differs = closes.filter((pl.col("close") / pl.col("close_old") - 1).abs() > _SAME_PRICE)
    if differs.height <= _FEW * closes.height:
        return None
    return (
        f"{name}, its former name, has other prices on {differs.height} of {closes.height} days, such as "
        f"{differs['date'][0]}: nothing was stored. Correct the line of {name} in [aliases], or the prices"
    )


def _closes(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select(as_date("date", bars.schema["date"]), as_number("close")).drop_nulls().unique("date")


def _days(answer: TickerBars) -> list[date]:
    return answer.bars.select(as_date("date", answer.bars.schema["date"])).to_series().drop_nulls().to_list()


def _dated(bars: pl.DataFrame, name: FormerName) -> pl.DataFrame:
    """Bars with their dates as dates, those of the days of the name."""
    dated = bars.with_columns(as_date("date", bars.schema["date"]))
    return dated.filter(pl.col("date").is_between(name.since, name.until, closed="left"))


def _not_in(older: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    return older.join(own.select(as_date("date", own.schema["date"])), on="date", how="anti", maintain_order="left")


def _same_types(one: pl.DataFrame, other: pl.DataFrame) -> list[pl.DataFrame]:
    if one.schema == other.schema or other.is_empty():
        return [one] if other.is_empty() else [one, other]
    return [one.cast(pl.String), other.cast(pl.String)]
