"""Forecasting a fleet: bit-equal whatever else is asked, blind to the future, a named reason where there is none."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
import torch

from ldtm_platform.fleet.predict import NoForecast, predict_fleet
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.base import Forecast, History, Model, UnusableWeights
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.persistence import Persistence
from ldtm_platform.models.weights import weights_of
from ldtm_platform_tests.features.test_engineer import real_bars
from ldtm_platform_tests.models.generated import SESSIONS, TINY, history_of, random_bars, random_history, split_bars

AAA, BBB = random_history("AAA", 300), random_history("BBB", 300)
SESSION = AAA.through


def model_for(seed: int, family: Ldtm = TINY) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return family.model(weights_of(family.network()))


MODELS = {"AAA": model_for(1), "BBB": model_for(2)}


def only(
    history: History, *, model: Model = MODELS["AAA"], session: date | None = None, family: Ldtm = TINY
) -> Forecast:
    results = predict_fleet(family, [history], {history.ticker: model}, session=session or history.through)
    assert isinstance(results[0], Forecast), results
    return results[0]


def test_a_forecast_is_the_same_to_the_last_bit_alone_or_in_a_fleet() -> None:
    together = predict_fleet(TINY, [BBB, AAA], MODELS, session=SESSION)
    assert together[1] == only(AAA)
    assert [result.ticker for result in together] == ["BBB", "AAA"]


def test_a_forecast_has_a_close_per_horizon_and_the_session_of_the_last_bar() -> None:
    forecast = only(AAA)
    assert tuple(forecast.closes) == HORIZONS
    assert forecast.session == SESSION
    assert forecast.duration_sec > 0


def test_a_forecast_depends_on_the_last_window_alone() -> None:
    assert only(AAA) == only(History("AAA", AAA.frame.tail(30)))


def test_the_output_is_unscaled_by_the_windows_own_close_range() -> None:
    closes = torch.tensor(AAA.frame["close"].tail(30).to_list(), dtype=torch.float64)
    network = TINY.network().eval()
    model = TINY.model(weights_of(network))
    with torch.inference_mode():
        scaled = network(TINY.question(AAA).inputs)[0].double()
    expected = scaled * (closes.max() - closes.min() + 1e-8) + closes.min()
    assert list(only(AAA, model=model).closes.values()) == expected.tolist()


def test_persistence_forecasts_the_last_close() -> None:
    result = predict_fleet(Persistence(), [AAA], {"AAA": Persistence()}, session=SESSION)[0]
    assert isinstance(result, Forecast)
    assert set(result.closes.values()) == {AAA.frame["close"][-1]}


@pytest.mark.parametrize("last", [150, 249, 250, 251, 300])
def test_a_forecast_is_bit_equal_when_later_bars_and_splits_are_removed(last: int) -> None:
    bars, splits = split_bars(random_bars("AAA", 400), SESSIONS[250], 10.0)
    day = SESSIONS[last]
    truncated = history_of(bars.filter(pl.col("date") <= day), splits.filter(pl.col("ex_date") <= day))
    assert only(history_of(bars, splits, through=day)) == only(truncated)


@pytest.mark.parametrize("day", [date(2020, 8, 31), date(2021, 7, 19), date(2021, 7, 20), date(2023, 6, 1)])
def test_a_real_forecast_is_bit_equal_when_later_bars_and_splits_are_removed(shared_data: Path, day: date) -> None:
    for ticker in ("AAPL", "NVDA"):
        bars, splits = real_bars(shared_data, ticker)
        truncated = history_of(bars.filter(pl.col("date") <= day), splits.filter(pl.col("ex_date") <= day))
        model = model_for(3, Ldtm())
        full = history_of(bars, splits, through=day)
        assert only(full, model=model, family=Ldtm()) == only(truncated, model=model, family=Ldtm())


def test_after_a_split_the_forecast_is_in_the_new_basis() -> None:
    plain = random_bars("AAA", 330)
    day = SESSIONS[320]
    before = only(history_of(plain, through=day)).closes
    after = only(history_of(*split_bars(plain, SESSIONS[310], 10.0), through=day)).closes
    assert {h: c * 10 for h, c in after.items()} == pytest.approx(before, rel=1e-5)


def test_a_history_beyond_the_session_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reach beyond .*: AAA"):
        predict_fleet(TINY, [AAA], MODELS, session=AAA.frame["date"][-2])


def reason(history: History, models: dict[str, Model], session: date = SESSION) -> NoForecast:
    result = predict_fleet(TINY, [history], models, session=session)[0]
    assert isinstance(result, NoForecast)
    return result


def test_every_reason_for_no_forecast_has_a_name_and_a_message() -> None:
    assert reason(AAA, {}).state == "no_model"
    stale = reason(History("AAA", AAA.frame.head(299)), MODELS)
    assert stale.state == "no_bar"
    assert f"no bar on {SESSION}" in stale.message
    short = reason(History("AAA", AAA.frame.tail(20)), MODELS)
    assert short.state == "too_little_history"
    assert "AAA has 20 feature rows" in short.message
    assert reason(History("AAA", AAA.frame.clear()), MODELS).state == "too_little_history"
    broken = reason(History("AAA", AAA.frame.with_columns(ma5=pl.lit(None, dtype=pl.Float64))), MODELS)
    assert broken.state == "failed"
    assert "ma5 is no number" in broken.message
    with pytest.raises(UnusableWeights, match="the weights are no safetensors file"):
        TINY.model(b"no weights")


def test_one_tickers_trouble_leaves_the_others_their_forecast() -> None:
    results = predict_fleet(TINY, [History("AAA", AAA.frame.head(10)), BBB], MODELS, session=SESSION)
    assert isinstance(results[0], NoForecast)
    assert isinstance(results[1], Forecast)
