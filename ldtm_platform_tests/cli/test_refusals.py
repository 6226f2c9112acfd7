"""What people are told when a command cannot be carried out: exit code 2, one clear message, no secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ldtm_platform.postgres.server import Connection
from ldtm_platform_tests.cli.home import Home, quick_home
from ldtm_platform_tests.ports import kept_port

SECRET = "s3cret-of-mine"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with quick_home() as fresh, fresh.postgres.session():
        yield fresh


def refused(home: Home, *arguments: str, **settings: str) -> str:
    """The message of a refused command."""
    said = home.ldtm(*arguments, **settings)
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize("command", ["train", "rollback"])
def test_a_ticker_that_the_universe_lacks(home: Home, command: str) -> None:
    message = refused(home, command, "--ticker", "TSLA")
    assert message == "ldtm: not in the universe: TSLA. Add to a group of the universe file first.\n"


def test_a_group_that_the_universe_lacks(home: Home) -> None:
    message = refused(home, "infer", "--group", "banks")
    assert message == "ldtm: no group 'banks' in the universe: it has consumer, healthcare, mega_cap, semis\n"


def test_a_choice_that_was_not_made(home: Home) -> None:
    assert "choose tickers: --ticker AAPL, --group mega_cap or --all" in refused(home, "train")


def test_a_closed_day(home: Home) -> None:
    message = refused(home, "snapshots", "--session", "2024-07-27")
    assert "the exchange is closed on Saturday 2024-07-27" in message


@pytest.mark.parametrize("day", ["2024-08-01", "2019-07-26"])
def test_a_session_that_cannot_be_forecast(home: Home, day: str) -> None:
    message = refused(home, "infer", "--all", "--session", day)
    assert f"{day} cannot be forecast" in message
    assert "2020-01-02" in message
    assert "2024-07-31" in message


def test_settings_that_are_none(home: Home) -> None:
    message = refused(home, "status", LDTM_EPOCHS="0", LDTM_SOURCE="bloomberg")
    assert "EPOCHS: Input should be greater than or equal to 1" in message
    assert "LDTM_SOURCE: no source is called 'bloomberg'; there are folder, alpaca" in message


def test_a_setting_that_is_misspelt_is_told_and_the_command_goes_on(home: Home) -> None:
    said = home.ldtm("universe", LDTM_EPOCH="3", LDTM_COLOUR="blue", DB_PASWORD=SECRET, AZURE_BLOB_CONN_STR=SECRET)
    assert said.code == 0
    assert said.err.splitlines()[:4] == [
        "ldtm: DB_PASWORD is ignored, because no setting is called so: did you mean DB_PASSWORD?",
        "ldtm: LDTM_COLOUR is ignored, because no setting is called so: README.md lists the settings.",
        "ldtm: LDTM_EPOCH is ignored, because no setting is called so: did you mean LDTM_EPOCHS?",
        "ldtm: AZURE_BLOB_CONN_STR is set, but the blob export is not part of this version",
    ]


def test_a_profile_that_is_none(home: Home) -> None:
    assert "no profile 'demoo': there are demo, demo-fleet" in refused(home, "--profile", "demoo", "status")


def test_a_universe_file_that_is_missing_or_none(home: Home, tmp_path: Path) -> None:
    assert "no universe file at" in refused(home, "universe", LDTM_UNIVERSE=str(tmp_path / "mine.toml"))
    assert "cannot be read" in refused(home, "universe", LDTM_UNIVERSE=str(tmp_path))


def test_prices_that_are_nowhere(home: Home, tmp_path: Path) -> None:
    said = home.ldtm("ingest", LDTM_SOURCE="folder", LDTM_PRICES=str(tmp_path / "gone"))
    assert said.code == 1
    assert f"failed: no prices at {tmp_path / 'gone'}: it does not exist" in said.err
    assert "Traceback" not in said.err


def test_a_device_that_this_machine_lacks(home: Home) -> None:
    said = home.ldtm("train", "--ticker", "AMGN", LDTM_DEVICE="cuda", CUDA_VISIBLE_DEVICES="")
    assert said.code == 1
    assert "train_tickers: failed: device 'cuda': PyTorch" in said.err
    assert "sees 0 CUDA devices here; use cpu" in said.err
    assert "Traceback" not in said.err


def test_a_database_that_cannot_be_reached_and_never_its_password(home: Home) -> None:
    with kept_port() as port:
        message = refused(home, "status", DB_HOST="127.0.0.1", DB_PORT=str(port), DB_PASSWORD=SECRET)
    assert f"cannot connect to PostgreSQL at 127.0.0.1:{port} as 'ldtm' to 'ldtm'" in message
    assert "Check DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD" in message
    assert SECRET not in message


def test_a_wrong_password_is_not_shown(home: Home, server: Connection) -> None:
    message = refused(
        home, "init-db", DB_HOST=server.host, DB_PORT=str(server.port), DB_NAME="postgres", DB_PASSWORD=SECRET
    )
    assert "password authentication failed" in message
    assert SECRET not in message
