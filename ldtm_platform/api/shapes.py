"""What the API is asked with, and what it answers beyond the models of llm/shapes.py; units are in the names."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ldtm_platform.llm.arguments import MOST_ROWS, Bucket, Horizon
from ldtm_platform.llm.score_tools import MOST_SCORES
from ldtm_platform.llm.shapes import Simulated


class Asked(BaseModel):
    """What every list may be asked with; unknown names are refused."""

    model_config = ConfigDict(extra="forbid")

    tickers: str | None = Field(None, max_length=4000, description="Tickers, joined by commas; none: all")
    group: str | None = Field(None, max_length=60, description="A group of the universe, beside or instead of tickers")
    limit: int = Field(MOST_ROWS, ge=1, le=MOST_ROWS, description="The most rows that are given")


class PredictionsAsked(Asked):
    """Which forecasts."""

    session: date | None = Field(None, description="The session they were made after; the newest if none")
    bucket: Bucket | None = Field(None, description="Only these, by implied one-month return")
    lowest_first: bool = Field(False, description="The lowest implied one-month return first")


class AccuracyAsked(Asked):
    """Whose accuracy."""

    order: Literal["skill", "direction", "error", "ticker"] = Field("ticker", description="Best first, or by ticker")


class HeadlinesAsked(Asked):
    """Which headlines."""

    days: int = Field(14, ge=1, le=365, description="How many days back from the newest headline")


class HistoryAsked(Asked):
    """Which past forecasts. For more rows than one answer has, ask again with an earlier `end`."""

    start: date | None = Field(None, description="The first session")
    end: date | None = Field(None, description="The last session; the newest if none")


class SessionAsked(BaseModel):
    """Of which session."""

    model_config = ConfigDict(extra="forbid")

    session: date | None = Field(None, description="The session; the newest if none")


class ConfidenceAsked(Asked):
    """Whose confidence, and of which session."""

    limit: int = Field(MOST_SCORES, ge=1, le=MOST_SCORES, description="The most rows that are given")
    session: date | None = Field(None, description="The session; the newest that is scored if none")
    horizon: Horizon | None = Field(None, description="Only this horizon")


class Answer(BaseModel):
    """A row or a list, immutable."""

    model_config = ConfigDict(frozen=True)


class UniverseAnswer(Answer):
    """The tickers that are forecast, the one sector of each, and every group."""

    tickers: tuple[str, ...]
    sector_of: dict[str, str]
    groups: dict[str, tuple[str, ...]]


class TqqqSignal(Answer):
    """The strategy summary of one session whole, as it was first made. Not investment advice."""

    session: date
    exposure: str
    confidence: float | None
    is_replay: bool
    is_simulated: Simulated
    summary: dict[str, Any]


class Refusal(Answer):
    """Why a request was not answered, in a sentence."""

    error: str
