"""Ready-made settings: the demos, as environment variables that a command's processes share."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SAMPLE_UNIVERSE = Path(__file__).with_name("sample_universe.toml")

PROFILES: Mapping[str, Mapping[str, str]] = {
    # Real raw prices of five tickers that a pip package holds, which end in 2013; simulated ones of three funds.
    "demo": {
        "LDTM_SOURCE": "sample,simulated",
        "LDTM_NEWS": "sample",
        "LDTM_UNIVERSE": str(SAMPLE_UNIVERSE),
        "LDTM_HISTORY_START": "2004-01-02",
        "LDTM_SESSIONS_START": "2012-12-04",
        "LDTM_LAST_SESSION": "2013-03-01",
    },
    # The whole universe on simulated prices; few epochs, because random prices have nothing to learn.
    "demo-fleet": {
        "LDTM_SOURCE": "simulated",
        "LDTM_NEWS": "sample",
        "LDTM_HISTORY_START": "2021-01-04",
        "LDTM_SESSIONS_START": "2025-01-02",
        "LDTM_EPOCHS": "3",
    },
}


# Which profile is applied, for what is printed. Not LDTM_PROFILE: a command that reads that applies it once more.
_APPLIED = "LDTM_APPLIED_PROFILE"


def as_typed(command: str) -> str:
    """An `ldtm` command, or a line that ends with one, with the profile that this process works on."""
    profile = os.environ.get(_APPLIED)
    return re.sub(r"\bldtm (?=[a-z])", f"ldtm --profile {profile} ", command) if profile else command


def apply_profile(name: str) -> None:
    """Set a profile's variables in this process, for it and its children.

    A profile keeps its data apart: below LDTM_HOME where that is set, in the clone's .ldtm otherwise. Raises KeyError
    for a name that is no profile.
    """
    above = Path(os.environ.get("LDTM_HOME") or PROJECT / ".ldtm")
    # Never the user's own database: a demo would mix its prices into it.
    os.environ.update({**PROFILES[name], "LDTM_HOME": str(above.resolve() / name), "LDTM_EMBEDDED": "true"})
    os.environ[_APPLIED] = name
