"""The dashboard as a child: what it is given of the environment."""

import os
from pathlib import Path

import pytest

from ldtm_platform.settings import Settings
from ldtm_platform.stack.dashboard import NOT_ITS_BUSINESS
from ldtm_platform.stack.kept import environment_without

SECRETS = (
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "AWS_SESSION_TOKEN",
    "GITHUB_TOKEN",
    "OPENAI_API_KEY",
    "STORAGE_CONNECTION_STRING",
    "PGPASSWORD",
    "DB_PASSWORD",
    "LDTM_ALERT_URL",
    "LDTM_ALPACA_SECRET",
    "LDTM_DATABASE_URL",
)
NEEDED = ("LDTM_DASHBOARD_PASSWORD", "LDTM_READER_URL", "LLM_API_KEY", "PATH", "HTTPS_PROXY", "LANG")


def test_it_gets_its_own_settings_and_nobody_elses_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "environ", dict.fromkeys((*SECRETS, *NEEDED), "https://x"))
    variables = {"DAGSTER_HOME": "x", "LDTM_UNIVERSE": "x"}
    given = environment_without(Settings(home=tmp_path), variables, NOT_ITS_BUSINESS)
    assert set(given) - {"LDTM_SUPERVISOR"} >= {*NEEDED, "LDTM_UNIVERSE"}
    assert not {"DAGSTER_HOME", *SECRETS} & set(given)
