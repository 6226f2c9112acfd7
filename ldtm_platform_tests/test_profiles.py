"""The demos' ready-made settings: usable as they are, and with data of their own."""

import os
from pathlib import Path

import pytest

from ldtm_platform.profiles import PROFILES, PROJECT, apply_profile, as_typed
from ldtm_platform.settings import load_settings
from ldtm_platform.universe import load_universe


@pytest.fixture(autouse=True)
def environment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a profile sets in this process is undone after the test."""
    names = {
        "LDTM_HOME",
        "LDTM_EMBEDDED",
        "LDTM_APPLIED_PROFILE",
        *(name for profile in PROFILES.values() for name in profile),
    }
    for name in names:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", list(PROFILES))
def test_a_profile_is_usable_as_it_is(name: str) -> None:
    apply_profile(name)
    settings = load_settings()
    assert set(settings.source.split(",")) <= {"sample", "simulated"}
    assert settings.news == "sample"
    assert settings.history_start < settings.sessions_start <= settings.latest_session()
    assert load_universe(settings.universe).tickers


@pytest.mark.parametrize("name", list(PROFILES))
def test_a_profile_keeps_its_data_apart(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    apply_profile(name)
    assert load_settings().home == PROJECT / ".ldtm" / name
    monkeypatch.setenv("LDTM_HOME", str(tmp_path))
    apply_profile(name)
    assert Path(os.environ["LDTM_HOME"]) == tmp_path / name


def test_what_is_printed_names_the_profile_that_the_command_needs() -> None:
    assert as_typed("ldtm train --ticker AAPL") == "ldtm train --ticker AAPL"
    apply_profile("demo")
    assert as_typed("ldtm train --ticker AAPL") == "ldtm --profile demo train --ticker AAPL"
    assert as_typed("LDTM_NEWS=yahoo ldtm up") == "LDTM_NEWS=yahoo ldtm --profile demo up"
    assert as_typed("make demo") == "make demo"


def test_a_name_that_is_no_profile_sets_nothing() -> None:
    with pytest.raises(KeyError):
        apply_profile("demoo")
    assert "LDTM_HOME" not in os.environ
