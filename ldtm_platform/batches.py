"""One batch of tickers is in memory at a time, in every stage, however many the universe has."""

from collections.abc import Iterator, Sequence, Sized

# The universe that comes with the product is one batch: ten years of its bars and features are about 150 MB, its
# models 120 MB. Larger batches are no faster.
BATCH_TICKERS = 128


def batches(tickers: Sequence[str]) -> Iterator[Sequence[str]]:
    """The tickers in their order, at most BATCH_TICKERS at a time."""
    for first in range(0, len(tickers), BATCH_TICKERS):
        yield tickers[first : first + BATCH_TICKERS]


def has_room(held: Sized) -> bool:
    """Whether one more ticker may be in memory beside those that are held."""
    return len(held) < BATCH_TICKERS
