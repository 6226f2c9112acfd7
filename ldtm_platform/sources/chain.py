"""Several sources as one: what the first cannot serve is asked of the next, and each row says whose it is.

A ticker that the first has no answer for is the next one's; so are the sessions that the calendar expects and the first
leaves out without a word, where both prove to tell the same prices (see agreement.py). All must tell prices on one
basis: converting would need every split of the one to be in the prices of the other, on the same day, and vendors
differ in just that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ldtm_platform.sources.agreement import filled, gap
from ldtm_platform.sources.base import BarRequest, MarketDataSource, SourceError, TickerBars, no_answer


@dataclass
class _Asked:
    """What is known of one request while the sources are asked in turn."""

    request: BarRequest
    answer: TickerBars | None = None
    refusals: list[str] = field(default_factory=list)
    gone: list[bool] = field(default_factory=list)

    def next_request(self) -> BarRequest | None:
        """What is still to be asked; None when nothing is."""
        if self.answer is None or self.answer.bars.is_empty():
            return self.request
        lacking = gap(self.request, self.answer)
        return lacking.wider if lacking else None

    def take(self, answer: TickerBars) -> None:
        """Keep an answer: the first one without an error, until there is one with bars; and every error."""
        if answer.error:
            self.refusals.append(f"{answer.source}: {answer.error}")
            self.gone.append(answer.gone)
        elif self.answer is None or not answer.bars.is_empty():
            self.answer = answer

    def told(self) -> TickerBars | None:
        """The answer, with a note of who could not serve the ticker."""
        if self.answer is None or not self.refusals:
            return self.answer
        return replace(self.answer, note="; ".join(filter(None, (self.answer.note, *self.refusals))))


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
        """One answer per request: the first one with bars, completed by the next; else one without; else every error.

        Raises SourceError when none of the sources can be used at all.
        """
        asked = {request.ticker: _Asked(request) for request in requests}
        unusable: list[str] = []
        for source in self._sources:
            try:
                yield from self._complete(source, asked)
            except SourceError as error:
                unusable.append(f"{source.name}: {error}")
                for one in asked.values():
                    one.refusals.append(unusable[-1])
        if len(unusable) == len(self._sources):
            raise SourceError("; ".join(unusable))
        for ticker, one in asked.items():
            gone = bool(one.gone) and all(one.gone) and not unusable
            yield one.told() or no_answer(ticker, "; ".join(one.refusals), gone=gone)

    def _complete(self, source: MarketDataSource, asked: dict[str, _Asked]) -> Iterator[TickerBars]:
        """Ask a source for what is still missing; the answers that then lack nothing, which are done with."""
        wanted = [request for one in asked.values() if (request := one.next_request())]
        for answer in source.fetch(wanted) if wanted else ():
            one, told = asked[answer.ticker], replace(answer, source=source.name)
            lacking = one.answer and gap(one.request, one.answer)
            if one.answer and lacking and not one.answer.bars.is_empty():
                one.answer = filled(one.answer, lacking, told, self.price_basis)
            else:
                one.take(told)
            if one.answer and not one.answer.bars.is_empty() and gap(one.request, one.answer) is None:
                del asked[answer.ticker]
                yield one.told() or one.answer
