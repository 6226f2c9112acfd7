"""What the tools are asked with: pydantic models whose lists and numbers are bounded."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

MOST_ROWS = 200

Bucket = Literal["bullish", "neutral", "bearish"]
Horizon = Literal["next_day", "next_monday", "one_month"]


def _list(value: object) -> object:
    """Models send one ticker, several with commas, or nothing at all where a list is asked for."""
    if value is None:
        return ()
    named = value.replace(";", ",").split(",") if isinstance(value, str) else value
    if isinstance(named, list | tuple) and all(isinstance(each, str) for each in named):
        return tuple(dict.fromkeys(each.strip().upper() for each in named if each.strip()))
    return named


Symbol = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9.\-]{0,9}$")]
Symbols = Annotated[
    tuple[Symbol, ...],
    BeforeValidator(_list, json_schema_input_type=list[str]),
    Field(max_length=500, description="Tickers, such as AAPL; none: all"),
]
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS, description="The most rows that are given")]


class Args(BaseModel):
    """What a tool is asked with: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tickers: Symbols = ()
    limit: Limit = 20


class PredictionsArgs(Args):
    """Which forecasts."""

    session: date | None = Field(None, description="The session they were made after (YYYY-MM-DD); the newest if none")
    bucket: Bucket | None = Field(None, description="Only these, by implied one-month return")
    lowest_first: bool = Field(False, description="The lowest implied one-month return first")


class AccuracyArgs(Args):
    """Whose accuracy."""

    order: Literal["skill", "direction", "error", "ticker"] = Field("ticker", description="Best first, or by ticker")


class ModelCardsArgs(Args):
    """Whose models."""


class HeadlinesArgs(Args):
    """Which headlines."""

    days: Annotated[int, Field(ge=1, le=365, description="How many days back from the newest headline")] = 14


class HistoryArgs(Args):
    """Which past forecasts, with what came true."""

    start: date | None = Field(None, description="The first session (YYYY-MM-DD)")
    end: date | None = Field(None, description="The last session (YYYY-MM-DD); the newest if none")

    @field_validator("end")
    @classmethod
    def _not_before_start(cls, end: date | None, given: ValidationInfo) -> date | None:
        """Turned round, the two would look like a time without forecasts."""
        start = given.data.get("start")
        if start and end and end < start:
            raise ValueError(f"{end} is before the start, {start}")
        return end
