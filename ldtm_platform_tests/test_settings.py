"""Settings: from the environment or a .env file, refused by name when wrong, and silent about passwords."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.unknown_settings import unbuilt_variables, unknown_variables

SECRET = "hunter2-very-secret"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting in the environment, and a working folder without .env."""
    for name in os.environ:
        if name.startswith(("LDTM_", "DB_", "DAGSTER_", "LLM_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_nothing_has_to_be_set() -> None:
    settings = load_settings()
    assert settings.home == Path.home() / ".ldtm"
    assert (settings.source, settings.prices, settings.db_host) == ("folder", None, None)
    assert (settings.epochs, settings.seed, settings.keep_checkpoints) == (100, 0, 5)


def test_the_environment_sets_what_it_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LDTM_HOME", str(tmp_path))
    monkeypatch.setenv("LDTM_SOURCE", "simulated")
    monkeypatch.setenv("LDTM_LAST_SESSION", "2024-07-31")
    settings = load_settings()
    assert (settings.home, settings.source, settings.last_session) == (tmp_path, "simulated", date(2024, 7, 31))


def test_a_variable_that_is_no_setting_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LDTM_HOME", str(tmp_path))
    monkeypatch.setenv("LDTM_DATABASE_URL", "postgresql://")
    monkeypatch.setenv("LLM_MODEL", "any")
    assert unknown_variables() == []
    monkeypatch.setenv("LDTM_EPOCH", "3")
    (tmp_path / ".env").write_text("LDTM_SOURCES=sample\nLDTM_SEED=1\nOTHERS=ignored\n")
    assert unknown_variables() == ["LDTM_EPOCH", "LDTM_SOURCES"]


def test_a_letter_off_a_shared_name_is_told_and_other_programs_variables_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = "DB_URL DB_TYPE DB_PASS DB_PASSWD DB_USERNAME DB_HOSTS DB_HOSTNAME DB_DATABASE DB_CONNECTION DB_POOL_SIZE"
    for name in (*others.split(), "LLM_MODELS", "LLM_API_BASE", "LLM_MODEL_NAME", "LLM_PROVIDER", "DB_USER"):
        monkeypatch.setenv(name, "theirs")
    assert unknown_variables() == []
    for name in ("DB_PASWORD", "DB_USR", "LLM_BASEURL"):
        monkeypatch.setenv(name, "ours")
    # DB_USER is set itself: then the other is somebody else's.
    assert unknown_variables() == ["DB_PASWORD", "LLM_BASEURL"]


def test_what_is_set_for_the_blob_export_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_BLOB_CONN_STR", "")
    monkeypatch.setenv("AZURE_CLIENT_ID", "theirs")
    assert unbuilt_variables() == []
    monkeypatch.setenv("AZURE_BLOB_CONN_STR", SECRET)
    assert unbuilt_variables() == ["AZURE_BLOB_CONN_STR"]


def test_a_dotenv_file_sets_what_the_environment_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LDTM_SOURCE=sample\nLDTM_EPOCHS=7\nDB_HOST=db.example\nOTHERS=ignored\n")
    monkeypatch.setenv("LDTM_EPOCHS", "8")
    settings = load_settings()
    assert (settings.source, settings.epochs, settings.db_host) == ("sample", 8, "db.example")


def test_paths_do_not_depend_on_the_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LDTM_PRICES", "prices")
    monkeypatch.setenv("LDTM_HOME", "~/ldtm")
    settings = load_settings()
    assert settings.prices == tmp_path / "prices"
    assert settings.home == Path.home() / "ldtm"


def test_hourly_bars_are_off_unless_a_source_of_them_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().hourly is None
    monkeypatch.setenv("LDTM_HOURLY", "alpaca")
    assert load_settings().hourly == "alpaca"
    monkeypatch.setenv("LDTM_HOURLY", "yahoo")
    with pytest.raises(ValidationError, match="'folder' or 'alpaca'"):
        load_settings()


def test_the_users_own_postgresql_is_named_by_the_usual_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"DB_HOST": "db", "DB_PORT": "6543", "DB_NAME": "prices", "DB_USER": "me", "DB_PASSWORD": SECRET}
    for name, value in {**named, "DAGSTER_DB_NAME": "dagster2"}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.db_host, settings.db_port, settings.db_name, settings.db_user, settings.dagster_db_name) == (
        "db",
        6543,
        "prices",
        "me",
        "dagster2",
    )
    assert settings.db_password.get_secret_value() == SECRET


def test_secrets_are_in_no_text_of_the_settings_and_not_handed_to_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "db")
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    settings = load_settings()
    for text in (repr(settings), str(settings), settings.model_dump_json(), str(settings.for_children())):
        assert SECRET not in text


def test_children_are_given_what_was_set_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LDTM_SOURCE=simulated\nLDTM_LAST_SESSION=2024-07-31\n")
    monkeypatch.setenv("LDTM_SEED", "3")
    variables = load_settings().for_children()
    assert variables == {"LDTM_LAST_SESSION": "2024-07-31", "LDTM_SEED": "3", "LDTM_SOURCE": "simulated"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("LDTM_EPOCHS", "0"), ("LDTM_SOURCE", "bloomberg"), ("LDTM_LAST_SESSION", "soon"), ("DB_PORT", "five")],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        load_settings()
    (error,) = refused.value.errors()
    assert name.removeprefix("LDTM_").lower() in str(error["loc"][0]).lower()


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LDTM_UNIVERSE", "LDTM_LAST_SESSION", "LDTM_EPOCHS", "DB_HOST", "DB_PORT"):
        monkeypatch.setenv(name, "")
    assert load_settings() == Settings()
    assert load_settings().db_host is None


def test_settings_do_not_change_once_loaded() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("now", "latest"),
    [
        (datetime(2024, 7, 31, 20, 59, tzinfo=UTC), date(2024, 7, 30)),
        (datetime(2024, 7, 31, 21, 0, tzinfo=UTC), date(2024, 7, 31)),
        (datetime(2024, 8, 4, 12, 0, tzinfo=UTC), date(2024, 8, 2)),
    ],
)
def test_the_newest_session_is_the_last_final_one_by_the_clock(now: datetime, latest: date) -> None:
    assert load_settings().latest_session(now) == latest


def test_the_newest_session_is_never_beyond_the_end_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDTM_LAST_SESSION", "2013-03-01")
    assert load_settings().latest_session() == date(2013, 3, 1)
    assert load_settings().latest_session(datetime(2012, 6, 1, 12, tzinfo=UTC)) == date(2012, 5, 31)


@pytest.mark.parametrize("url", ["http://data.alpaca.markets", "ftp://127.0.0.1", "data.alpaca.markets"])
def test_keys_are_sent_in_the_clear_to_nobody_else(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("LDTM_ALPACA_URL", url)
    with pytest.raises(ValidationError, match=r"must be asked by https://"):
        load_settings()
    monkeypatch.setenv("LDTM_ALPACA_URL", "https://data.sandbox.alpaca.markets/")
    assert load_settings().alpaca_url == "https://data.sandbox.alpaca.markets"


def test_the_language_models_server_is_named_and_its_key_kept_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_BASE_URL", "http://127.0.0.1:8080/v1/")
    monkeypatch.setenv("LLM_API_KEY", SECRET)
    monkeypatch.setenv("LLM_MODEL", "small")
    settings = load_settings()
    assert (settings.llm_base_url, settings.llm_model, settings.llm_timeout) == (
        "http://127.0.0.1:8080/v1",
        "small",
        120.0,
    )
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.for_children() == {
        "LLM_API_KEY": SECRET,
        "LLM_BASE_URL": "http://127.0.0.1:8080/v1",
        "LLM_MODEL": "small",
    }


@pytest.mark.parametrize(
    "address", ["localhost:8080", "ftp://box/v1", "http://me:secret@box/v1", "http://box/v1?key=a"]
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("LLM_BASE_URL", address)
    with pytest.raises(ValidationError, match="must be"):
        load_settings()


def test_an_address_for_alerts_that_is_none_is_refused_unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDTM_ALERT_URL", f"file:///{SECRET}")
    with pytest.raises(ValidationError, match="must be an address such as https") as refused:
        load_settings()
    assert SECRET not in str(refused.value)
