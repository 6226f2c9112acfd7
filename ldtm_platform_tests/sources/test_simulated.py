"""The simulated market: stable under longer ranges and other company, correlated by sector, with real troubles."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldtm_platform.prices.adjust import with_split_factor
from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import BarRequest, TickerBars
from ldtm_platform.sources.simulated import SimulatedSource

START, END = date(2020, 1, 2), date(2026, 1, 1)
SECTORS = {f"S{at:02}": ("chips" if at < 15 else "food") for at in range(30)}
SECTORS |= {"TQQQ": "etfs", "SQQQ": "etfs", "ARM": "chips", "SNDK": "chips"}


def market(seed: int = 7) -> SimulatedSource:
    return SimulatedSource(seed=seed, sectors=SECTORS, start=START)


def ask(tickers: list[str], *, start: date = START, end: date = END, seed: int = 7) -> dict[str, TickerBars]:
    answers = market(seed).fetch([BarRequest(ticker, start, end) for ticker in tickers])
    return {answer.ticker: answer for answer in answers}


@pytest.fixture(scope="module")
def whole() -> dict[str, TickerBars]:
    return ask(list(SECTORS))


@settings(max_examples=25)
@given(st.sampled_from(sorted(SECTORS)), st.dates(date(2020, 6, 1), date(2025, 12, 31)))
def test_asking_for_more_days_or_more_tickers_changes_nothing_earlier(ticker: str, end: date) -> None:
    short = ask([ticker], end=end)[ticker]
    longer = ask([ticker, "S03", "S20"])[ticker]
    assert short.bars.equals(longer.bars.filter(pl.col("date") < end))
    assert short.actions.equals(longer.actions.filter(pl.col("ex_date") < end))


def test_a_later_start_of_the_request_gives_the_same_rows() -> None:
    later = ask(["S00"], start=date(2023, 5, 1))["S00"].bars
    assert later.equals(ask(["S00"])["S00"].bars.filter(pl.col("date") >= date(2023, 5, 1)))


def test_the_same_seed_gives_the_same_market_and_another_seed_another() -> None:
    assert ask(["S00"])["S00"].bars.equals(ask(["S00"])["S00"].bars)
    assert not ask(["S00"])["S00"].bars.equals(ask(["S00"], seed=8)["S00"].bars)


def test_every_bar_is_good_and_missing_sessions_are_the_halts(whole: dict[str, TickerBars]) -> None:
    halts = 0
    for answer in whole.values():
        good, bad = split_good_and_bad(answer.bars, date(2025, 12, 31))
        assert bad.is_empty()
        halted = set(answer.actions.filter(kind="halt")["ex_date"])
        if good.height:
            missing = set(sessions_between(good["date"][0], END)) - set(good["date"])
            assert missing <= halted
        halts += len(halted)
    assert halts > 5


def test_several_tickers_split_and_the_jump_is_the_ratio(whole: dict[str, TickerBars]) -> None:
    splits = pl.concat([answer.actions.filter(kind="split") for answer in whole.values()])
    assert splits.height >= 3
    for ticker, _, _, ratio in splits.iter_rows():
        bars = with_split_factor(whole[ticker].bars, splits)
        across = bars.select(
            raw=pl.col("close").shift(1) / pl.col("close"),
            steps=pl.col("split_factor") / pl.col("split_factor").shift(1),
        ).filter(pl.col("steps") == ratio)
        assert across["raw"].item() / ratio == pytest.approx(1.0, abs=0.15)


def test_tickers_move_with_their_sector_more_than_with_others(whole: dict[str, TickerBars]) -> None:
    names = [ticker for ticker in SECTORS if ticker.startswith("S") and ticker[1:].isdigit()]
    splits = pl.concat([answer.actions.filter(kind="split") for answer in whole.values()])
    wide = (
        with_split_factor(pl.concat([whole[ticker].bars for ticker in names]), splits)
        .with_columns(level=(pl.col("close") * pl.col("split_factor")).log())
        .pivot("ticker", index="date", values="level")
        .sort("date")
        .select(pl.col(names).forward_fill().diff().fill_null(0.0))
    )
    correlation = np.corrcoef(wide.to_numpy().T)
    chips = [at for at, ticker in enumerate(names) if SECTORS[ticker] == "chips"]
    food = [at for at, ticker in enumerate(names) if SECTORS[ticker] == "food"]
    within = correlation[np.ix_(chips, chips)][np.triu_indices(len(chips), 1)].mean()
    across = correlation[np.ix_(chips, food)].mean()
    assert within > across + 0.1 > 0.2


def test_volatility_comes_in_clusters(whole: dict[str, TickerBars]) -> None:
    size = whole["TQQQ"].bars.select(now=pl.col("close").log().diff().abs()).with_columns(before=pl.col("now").shift(1))
    assert size.drop_nulls().select(pl.corr("now", "before", method="spearman")).item() > 0.06


def test_one_ticker_lists_mid_way_and_one_is_not_listed_yet(whole: dict[str, TickerBars]) -> None:
    assert whole["ARM"].bars["date"].min() == date(2023, 9, 14)
    assert (whole["SNDK"].bars.height, whole["SNDK"].error) == (0, None)
    assert ask(["SNDK"], end=date(2026, 11, 21))["SNDK"].bars["date"].min() == date(2026, 6, 1)


def test_the_leveraged_funds_mirror_each_other(whole: dict[str, TickerBars]) -> None:
    both = whole["TQQQ"].bars.join(whole["SQQQ"].bars, on="date", suffix="_inverse").sort("date")
    moves = both.select(pl.col("close", "close_inverse").log().diff()).drop_nulls()
    # A split of either is one outlier, which ranks forgive.
    assert moves.select(pl.corr("close", "close_inverse", method="spearman")).item() < -0.95


def test_a_ticker_outside_the_simulation_is_an_answer_with_an_error() -> None:
    assert ask(["NOPE"])["NOPE"].error == "NOPE is not among the 34 simulated tickers"
