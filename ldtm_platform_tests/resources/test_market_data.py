"""Settings name the source; what is missing or cannot go together is said in words, and keys stay in."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from ldtm_platform.profiles import PROFILES, SAMPLE_UNIVERSE
from ldtm_platform.resources.market_data import MarketData
from ldtm_platform.settings import load_settings
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.universe import load_universe

KEYS = {"LDTM_ALPACA_KEY": "the-key", "LDTM_ALPACA_SECRET": "the-secret"}


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No settings but those of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LDTM_PRICES", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize(
    ("named", "source", "basis"),
    [
        ("yahoo", "yahoo", "split_adjusted"),
        ("alpaca", "alpaca", "raw"),
        ("Yahoo, folder", "yahoo,folder", "split_adjusted"),
    ],
)
def test_a_source_or_a_chain_is_chosen_by_name(
    setting: pytest.MonkeyPatch, named: str, source: str, basis: str
) -> None:
    for name, value in {**KEYS, "LDTM_SOURCE": named}.items():
        setting.setenv(name, value)
    made = MarketData().source()
    assert (made.name, made.price_basis) == (source, basis)


def test_a_chain_of_two_price_bases_is_refused_in_words(setting: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "LDTM_SOURCE": "alpaca,yahoo"}.items():
        setting.setenv(name, value)
    with pytest.raises(dg.Failure, match="never mixes"):
        MarketData().source()


def test_a_missing_key_is_named(setting: pytest.MonkeyPatch) -> None:
    setting.setenv("LDTM_SOURCE", "alpaca")
    with pytest.raises(dg.Failure, match="LDTM_ALPACA_KEY"):
        MarketData().source()


@pytest.mark.parametrize("named", ["stooq", "yahoo,yahoo"])
def test_an_unknown_or_repeated_name_is_refused(setting: pytest.MonkeyPatch, named: str) -> None:
    setting.setenv("LDTM_SOURCE", named)
    with pytest.raises(ValidationError, match="source"):
        load_settings()


def test_keys_are_not_shown_and_reach_child_processes(setting: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        setting.setenv(name, value)
    settings = load_settings()
    assert "the-secret" not in f"{settings!r} {settings.model_dump_json()}"
    assert settings.for_children()["LDTM_ALPACA_SECRET"] == "the-secret"


def test_beside_real_prices_only_the_group_simulated_is_simulated(setting: pytest.MonkeyPatch) -> None:
    for name, value in PROFILES["demo"].items():
        setting.setenv(name, value)
    source = MarketData().source()
    day, tickers = date(2013, 2, 28), load_universe(SAMPLE_UNIVERSE).tickers
    answers = source.fetch([BarRequest(ticker, day, date(2013, 3, 2)) for ticker in tickers])
    served = {answer.ticker: answer.source for answer in answers if answer.bars.height == 2}
    real = dict.fromkeys(("AAPL", "FB", "GOOG", "IBM", "MSFT"), "sample")
    assert served == real | dict.fromkeys(("QQQ", "SQQQ", "TQQQ"), "simulated")
    # A session that the real prices lack stays missing: nothing is made up for it.
    (answer,) = source.fetch([BarRequest("FB", date(2012, 1, 3), date(2012, 2, 1))])
    assert answer.bars.is_empty()
