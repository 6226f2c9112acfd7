"""All settings, from the environment or a `.env` file: one frozen object, loaded in functions and never at import."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ldtm_platform.fleet.names import CpuEngine, FleetEngine
from ldtm_platform.sessions import is_session, latest_final_session, session_before
from ldtm_platform.universe import DEFAULT_UNIVERSE

NEWS_FEEDS = ("yahoo", "nasdaq", "google", "alpaca", "sample")
SOURCES = ("folder", "alpaca", "yahoo", "yfinance", "sample", "simulated")


class Settings(BaseSettings):
    """What a user may set. Names in the environment: LDTM_ and the field's name, DB_* for the user's own PostgreSQL."""

    # A variable that is set to nothing, as container files like to do, is not set.
    model_config = SettingsConfigDict(
        env_prefix="LDTM_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        # Some values are secrets.
        hide_input_in_errors=True,
    )

    home: Path = Field(Path.home() / ".ldtm", description="Everything that is kept: database, checkpoints, run logs")
    universe: Path = Field(DEFAULT_UNIVERSE, description="The TOML file of tickers and groups")

    source: str = Field(
        "folder", description="Where prices come from; several, joined by commas, are asked one after the other"
    )
    alpaca_key: SecretStr | None = Field(None, description="The key ID of the source `alpaca`")
    alpaca_secret: SecretStr | None = Field(None, description="The secret key that goes with it")
    alpaca_url: str = Field(
        "https://data.alpaca.markets", description="Alpaca's data host, for those whose account is on another (sandbox)"
    )
    prices: Path | None = Field(None, description="The folder (or file) of Parquet/CSV prices for the source `folder`")
    price_basis: Literal["raw", "split_adjusted"] = Field(
        "split_adjusted",
        description="What the prices in the folder are: as traded, or restated for later splits (Yahoo)",
    )
    hourly: Literal["folder", "alpaca"] | None = Field(
        None, description="Where hourly bars come from; they are not ingested where it is not set"
    )
    hourly_prices: Path | None = Field(
        None, description="The folder (or file) of hourly bars for the hourly source `folder`"
    )
    news: str = Field("", description="The news feeds that are read, joined by commas")
    history_start: date = Field(date(2015, 1, 2), description="The first day that is ingested")
    sessions_start: date = Field(
        date(2020, 1, 2), description="The first session that can be forecast (a partition each)"
    )
    last_session: date | None = Field(None, description="The data end here: nothing later is asked for or forecast")

    seed: int = Field(0, description="The seed of every ticker's training")
    epochs: int = Field(100, ge=1, description="The most epochs a ticker trains")
    workers: int = Field(os.cpu_count() or 1, ge=1, description="Training processes on a CPU")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where models train and predict")
    fleet_engine: FleetEngine = Field(
        "auto", description="How a fleet is trained: ticker by ticker, many stacked, or what suits the device"
    )
    cpu_engine: CpuEngine = Field(
        "auto", description="What trains and forecasts on a CPU: the native kernel in that arithmetic, or PyTorch"
    )
    keep_checkpoints: int = Field(5, ge=1, description="How many versions of a ticker's model are kept")
    keep_runs_days: int = Field(90, ge=1, description="How long Dagster keeps runs that are no partition's latest")

    alert_url: SecretStr | None = Field(
        None, description='Where failed checks and runs are told: an address that takes a POST of `{"text": ...}`'
    )

    signal_cost_bp: float = Field(
        5.0, ge=0, le=1000, description="What a purchase or sale costs in the TQQQ signal's record, in 1/100 percent"
    )

    ui_port: int = Field(3000, description="The port of the Dagster UI, on 127.0.0.1")
    dashboard_host: str = Field("127.0.0.1", description="The address that the dashboard listens on")
    dashboard_port: int = Field(8501, ge=1, le=65535, description="The dashboard's port")
    dashboard_names: str = Field(
        "", description="The host names by which a proxy or others call it, joined by commas; other names are refused"
    )
    dashboard_user: str = Field("ldtm", description="The name that the dashboard asks for, where it has a password")
    dashboard_password: SecretStr | None = Field(None, description="The dashboard's password; none: it asks for none")

    embedded: bool = Field(False, description="Use the embedded PostgreSQL whatever DB_* say, as the demos do")
    db_host: str | None = Field(None, validation_alias=AliasChoices("DB_HOST", "db_host"))
    db_port: int = Field(5432, validation_alias=AliasChoices("DB_PORT", "db_port"))
    db_name: str = Field("ldtm", validation_alias=AliasChoices("DB_NAME", "db_name"))
    db_user: str = Field("ldtm", validation_alias=AliasChoices("DB_USER", "db_user"))
    db_password: SecretStr = Field(SecretStr(""), validation_alias=AliasChoices("DB_PASSWORD", "db_password"))
    db_reader_user: str | None = Field(
        None,
        validation_alias=AliasChoices("DB_READER_USER", "db_reader_user"),
        description="A role that may only read, for the dashboard, where `DB_USER` may not create one",
    )
    db_reader_password: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("DB_READER_PASSWORD", "db_reader_password"),
        description="Its password",
    )
    dagster_db_name: str = Field(
        "dagster",
        validation_alias=AliasChoices("DAGSTER_DB_NAME", "dagster_db_name"),
        description="Dagster's own database",
    )

    llm_base_url: str | None = Field(
        None,
        validation_alias=AliasChoices("LLM_BASE_URL", "llm_base_url"),
        description="An OpenAI-compatible server that answers questions, such as http://127.0.0.1:8080/v1",
    )
    llm_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("LLM_API_KEY", "llm_api_key"), description="Its key, where it wants one"
    )
    llm_model: str | None = Field(
        None,
        validation_alias=AliasChoices("LLM_MODEL", "llm_model"),
        description="The model; the server's first if none",
    )
    llm_timeout: float = Field(
        120.0,
        gt=0,
        le=3600,
        validation_alias=AliasChoices("LLM_TIMEOUT", "llm_timeout"),
        description="The most seconds that one answer may take",
    )

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        """The names as they are written elsewhere."""
        names = [name.strip().lower() for name in source.split(",")]
        if unknown := [name for name in names if name not in SOURCES]:
            raise ValueError(f"no source is called {', '.join(unknown)!r}; there are {', '.join(SOURCES)}")
        if len(set(names)) < len(names):
            raise ValueError(f"a source is named twice in {source!r}")
        return ",".join(names)

    @field_validator("alpaca_url")
    @classmethod
    def _private(cls, url: str) -> str:
        """Keys travel in headers: never in the clear beyond this machine."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
            raise ValueError(f"{parts.hostname or 'the host'} must be asked by https://, because keys are sent to it")
        return url.rstrip("/")

    @field_validator("news")
    @classmethod
    def _known_feeds(cls, news: str) -> str:
        """The names as they are written elsewhere."""
        names = [name.strip().lower() for name in news.split(",") if name.strip()]
        if unknown := [name for name in names if name not in NEWS_FEEDS]:
            raise ValueError(f"no news feed is called {', '.join(unknown)!r}; there are {', '.join(NEWS_FEEDS)}")
        return ",".join(dict.fromkeys(names))

    @field_validator("llm_base_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        """An address with a host; a password in it would show in messages."""
        if url is None:
            return None
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address such as http://127.0.0.1:8080/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be without user, password and query: the key goes into LLM_API_KEY")
        return url.strip().rstrip("/")

    @field_validator("alert_url")
    @classmethod
    def _postable(cls, url: SecretStr | None) -> SecretStr | None:
        """An address of the web; the message does not repeat it, because whoever knows it may post there."""
        if url and not url.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("must be an address such as https://hooks.example.com/services/...")
        return url

    @field_validator("home", "universe", "prices", "hourly_prices")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        """Processes that share the settings do not share a working folder."""
        return path.expanduser().resolve() if path else None

    def for_children(self) -> dict[str, str]:
        """What was set, as variables for child processes: they may not find the same `.env`. No database secrets."""
        named = {name for name in self.model_fields_set if not name.startswith(("db_", "dagster_db"))}
        return {
            variable(name): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name in sorted(named)
            if (value := getattr(self, name)) is not None
        }

    @property
    def cache(self) -> Path:
        """Where what can be made again is kept: it may be deleted at any time."""
        return self.home / "cache"

    def latest_session(self, now: datetime | None = None) -> date:
        """The newest session that can be ingested and forecast: final by the clock, and not beyond the data's end."""
        latest = latest_final_session(now or datetime.now(UTC))
        if self.last_session is None or self.last_session >= latest:
            return latest
        return self.last_session if is_session(self.last_session) else session_before(self.last_session)


def variable(name: str) -> str:
    """What a setting is called in the environment: by its field, or by the name that a validator gives it."""
    name = name.upper()
    return name if name.startswith(("DB_", "DAGSTER_", "LLM_")) else f"LDTM_{name}"


SETTINGS = tuple(variable(name) for name in Settings.model_fields)


def load_settings() -> Settings:
    """The settings of this process. Raises pydantic.ValidationError naming each bad value."""
    return Settings()
