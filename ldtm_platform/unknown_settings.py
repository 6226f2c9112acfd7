"""Variables of the environment and of `.env` that somebody took for settings."""

import os
from collections.abc import Container
from difflib import get_close_matches
from pathlib import Path

from ldtm_platform.settings import SETTINGS

_BLOB_EXPORT = ("AZURE_BLOB_CONN_STR", "AZURE_BLOB_CONTAINER", "AZURE_BLOB_URL")
# What our own processes tell each other, and the profile, which is applied before there are settings.
_OURS = ("LDTM_PROFILE", "LDTM_APPLIED_PROFILE", "LDTM_DATABASE_URL", "LDTM_READER_URL", "LDTM_DAGSTER_URL")


def unknown_variables() -> list[str]:
    """Variables of the environment and of `.env` that look like settings and are none: most are misspelt.

    DB_ and LLM_ are other programs' too: of those only what is a letter off a setting that is not set itself.
    """
    there = _variables()
    ours = {name for name in there if name.startswith("LDTM_")}
    return sorted(ours.difference(SETTINGS, _OURS) | {name for name in there if _is_nearly_ours(name, there)})


def unbuilt_variables() -> list[str]:
    """The variables that are set for the blob export, which is not part of this version."""
    there = _variables()
    return [name for name in _BLOB_EXPORT if name in there]


def _is_nearly_ours(name: str, there: Container[str]) -> bool:
    if name in SETTINGS or not name.startswith(("DB_", "LLM_")):
        return False
    # A longer one (DB_HOSTS, LLM_MODELS) is likely meant, and so are common ones (DB_PASSWD, DB_USERNAME), further off.
    near = get_close_matches(name, SETTINGS, n=1, cutoff=0.91)
    return bool(near) and near[0] not in there and not name.startswith(near[0])


def _variables() -> set[str]:
    """What is set, and not to nothing, by the environment or `.env`; names in capitals."""
    there: dict[str, str | None] = dict(os.environ)
    if Path(".env").is_file():
        from dotenv import dotenv_values

        there |= dotenv_values(".env")
    return {name.upper() for name, value in there.items() if value}
