"""Several sources as one: who the first cannot serve is asked of the next, and each answer says whose it is.

All of them must tell prices on one basis. Converting would need every split of the one to be in the prices of the
other, on the same day: vendors differ in just that, and a series on two bases is wrong in silence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ldtm_platform.sources.base import BarRequest, MarketDataSource, SourceError, TickerBars, no_answer


class ChainSource(MarketDataSource):
    """The sources in the order in which they are asked. Raises SourceError when their price bases differ."""

    def __init__(self, sources: Sequence[MarketDataSource]) -> None:
        bases = {source.price_basis for source in sources}
        if len(bases) > 1:
            told = ", ".join(f"{source.name} sends {source.price_basis} prices" for source in sources)
            raise SourceError(f"{told}: a chain never mixes the two. Name sources of one basis in LDTM_SOURCE")
        self._sources = tuple(sources)
        self.name = ",".join(source.name for source in sources)
        self.price_basis = sources[0].price_basis
        self.rereads_history = all(source.rereads_history for source in sources)

    @property
    def origins(self) -> tuple[str, ...]:
        """Each source's, and the chain's own."""
        return (self.name, *(name for source in self._sources for name in source.origins))

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request: the first one with bars, else the first without an error, else every error.

        Raises SourceError when none of the sources can be used at all.
        """
        open_requests = {request.ticker: request for request in requests}
        refusals: dict[str, list[str]] = {ticker: [] for ticker in open_requests}
        empty: dict[str, TickerBars] = {}
        unusable: list[str] = []
        for source in self._sources:
            try:
                for answer in source.fetch(list(open_requests.values())) if open_requests else ():
                    if answer.error:
                        refusals[answer.ticker].append(f"{source.name}: {answer.error}")
                    elif answer.bars.is_empty():
                        empty.setdefault(answer.ticker, replace(answer, source=source.name))
                    else:
                        del open_requests[answer.ticker]
                        yield replace(answer, source=source.name)
            except SourceError as error:
                unusable.append(f"{source.name}: {error}")
        if len(unusable) == len(self._sources):
            raise SourceError("; ".join(unusable))
        for ticker in open_requests:
            yield empty.get(ticker) or no_answer(ticker, "; ".join([*refusals[ticker], *unusable]))
