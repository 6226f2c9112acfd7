"""A simulated market: no real prices, but the troubles of real ones. Everything follows from one seed.

A ticker's return is market + sector + its own, each with a volatility that wanders; raw prices in cents, on sessions of
the exchange only. Some tickers split (a few in reverse), sessions are lost to full-day halts, two tickers list late.

Each ticker draws from a generator of its own, one row of numbers a session, counted from `start`: its series depends
neither on the other tickers asked for nor on how far ahead is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import accumulate
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import polars as pl

from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import ACTIONS_SCHEMA, BarRequest, MarketDataSource, TickerBars, no_answer

Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

# One ticker lists mid-way; one so late that, in 2026, a model has too little history; the leveraged funds when those of
# that name did. Before these dates: no bars.
LISTINGS: Mapping[str, date] = MappingProxyType(
    {
        "ARM": date(2023, 9, 14),
        "SNDK": date(2026, 6, 1),
        "SQQQ": date(2010, 2, 11),
        "TQQQ": date(2010, 2, 11),
    }
)
# In a universe with a group of this name, only its tickers are simulated: never a price of any other.
GROUP = "simulated"
# How many times the market's own move each leveraged fund makes.
LEVERAGE: Mapping[str, float] = MappingProxyType({"TQQQ": 3.0, "SQQQ": -3.0})

MARKET_VOLATILITY = 0.009
SECTOR_VOLATILITY = 0.008
DRIFT = 0.0003
# Of the log volatility, a session: half of a shock is gone after 34 sessions.
VOLATILITY_MEMORY = 0.98
VOLATILITY_SHOCK = 0.09
# Standard normals beyond this halt the session: about one in 1,500.
HALT_BEYOND = 3.4
SPLIT_SHARE = 0.2
SPLIT_RATIOS = (2.0, 3.0, 4.0, 10.0, 0.25)


@dataclass(frozen=True)
class _Traits:
    """What a ticker is born with; split_at is a session counted from the start (None: it never splits)."""

    price: float
    market_beta: float
    sector_beta: float
    volatility: float
    shares_a_day: float
    split_at: int | None
    split_ratio: float


class SimulatedSource(MarketDataSource):
    """Simulated raw bars of the given tickers. sectors: ticker -> sector; start: the first simulated day."""

    name = "simulated"
    price_basis = "raw"

    def __init__(
        self, *, seed: int, sectors: Mapping[str, str], start: date, listings: Mapping[str, date] = LISTINGS
    ) -> None:
        self._seed = seed
        self._sectors = dict(sectors)
        self._start = start
        self._listings = dict(listings)

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request; a ticker that is not listed yet has no bars, one that is not simulated an error."""
        if not requests:
            return
        sessions = sessions_between(self._start, max(request.end for request in requests))
        factors = {name: self._factor(name, len(sessions)) for name in ("market", *sorted(set(self._sectors.values())))}
        for request in requests:
            if request.ticker not in self._sectors:
                error = f"{request.ticker} is not among the {len(self._sectors)} simulated tickers"
                yield no_answer(request.ticker, error, gone=True)
            else:
                yield self._answer(request, sessions, factors)

    def _answer(self, request: BarRequest, sessions: Sequence[date], factors: Mapping[str, Floats]) -> TickerBars:
        ticker = request.ticker
        traits = self._traits(ticker)
        draws = self._generator("bars", ticker).standard_normal((len(sessions), 7))
        returns = (
            DRIFT
            + traits.market_beta * factors["market"]
            + traits.sector_beta * factors[self._sectors[ticker]]
            + traits.volatility * _wandering(draws[:, 0]) * draws[:, 1]
        )
        frame = _bars(ticker, sessions, traits, returns, draws)
        listed = max(request.start, self._listings.get(ticker, self._start))
        frame = frame.filter(pl.col("date").is_between(listed, request.end, closed="left"))
        halted = frame["halted"]
        return TickerBars(
            ticker,
            frame.filter(~halted).select("ticker", "date", "open", "high", "low", "close", "volume"),
            _actions(ticker, frame.filter(halted)["date"], traits, frame),
        )

    def _factor(self, name: str, count: int) -> Floats:
        draws = self._generator("factor", name).standard_normal((count, 2))
        size = MARKET_VOLATILITY if name == "market" else SECTOR_VOLATILITY
        return size * _wandering(draws[:, 0]) * draws[:, 1]

    def _traits(self, ticker: str) -> _Traits:
        random = self._generator("traits", ticker)
        price, market_beta, sector_beta, volatility, shares, splits = random.uniform(size=6)
        split_at, ratio = int(random.integers(150, 900)), float(random.choice(SPLIT_RATIOS))
        leverage = LEVERAGE.get(ticker)
        return _Traits(
            price=20.0 * 40.0**price,
            market_beta=0.6 + 0.8 * market_beta if leverage is None else leverage,
            sector_beta=0.8 + 0.4 * sector_beta if leverage is None else 0.0,
            volatility=0.006 + 0.012 * volatility if leverage is None else 0.0005,
            shares_a_day=1e6 * 50.0**shares,
            split_at=split_at if splits < SPLIT_SHARE else None,
            split_ratio=ratio,
        )

    def _generator(self, *purpose: str) -> np.random.Generator:
        key = sha256("/".join((str(self._seed), *purpose)).encode()).digest()
        return np.random.default_rng(int.from_bytes(key[:16]))


def _wandering(shocks: Floats) -> Floats:
    """A volatility around 1: exp of an autoregression of the shocks."""
    steps = accumulate(shocks.tolist(), lambda state, shock: VOLATILITY_MEMORY * state + shock, initial=0.0)
    return np.exp(VOLATILITY_SHOCK * np.array(list(steps)[1:]))


def _bars(ticker: str, sessions: Sequence[date], traits: _Traits, returns: Floats, draws: Floats) -> pl.DataFrame:
    """Every session's bar, with halted (the session has no bar) beside."""
    split_factor = np.ones(len(sessions))
    if traits.split_at is not None:
        split_factor[traits.split_at :] = traits.split_ratio
    close = traits.price * np.exp(np.cumsum(returns))
    before = np.concatenate([[traits.price], close[:-1]])
    opened = before * np.exp(0.4 * traits.volatility * draws[:, 2])
    high = np.maximum(opened, close) * np.exp(0.6 * traits.volatility * np.abs(draws[:, 3]))
    low = np.minimum(opened, close) * np.exp(-0.6 * traits.volatility * np.abs(draws[:, 4]))
    shares = traits.shares_a_day * split_factor * np.exp(0.35 * draws[:, 5] + 10 * np.abs(returns))
    halted = np.abs(draws[:, 6]) > HALT_BEYOND
    if traits.split_at is not None:
        halted[traits.split_at : traits.split_at + 1] = False
    prices = {"open": opened, "high": high, "low": low, "close": close}
    return pl.DataFrame(
        {
            "ticker": [ticker] * len(sessions),
            "date": pl.Series(sessions, dtype=pl.Date),
            # Rounding keeps the order of the four; a price of nothing is no price.
            **{name: np.maximum(np.round(values / split_factor, 2), 0.01) for name, values in prices.items()},
            "volume": shares.astype(np.int64),
            "split": np.where(split_factor != np.concatenate([[1.0], split_factor[:-1]]), traits.split_ratio, 0.0),
            "halted": halted,
        }
    )


def _actions(ticker: str, halts: pl.Series, traits: _Traits, frame: pl.DataFrame) -> pl.DataFrame:
    splits = [(ticker, day, "split", traits.split_ratio) for day in frame.filter(pl.col("split") != 0)["date"]]
    rows = splits + [(ticker, day, "halt", None) for day in halts]
    return pl.DataFrame(rows, schema=ACTIONS_SCHEMA, orient="row")
