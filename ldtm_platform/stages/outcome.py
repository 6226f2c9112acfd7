"""What became of one part of a stage: a ticker's, or a session's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Fact = str | int | float


class Result(StrEnum):
    """Made; left out for a named reason that is nobody's fault; or failed."""

    MADE = "made"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """One partition's outcome: its key, the named state, a sentence for people, and facts to show beside it."""

    key: str
    result: Result
    state: str = "ok"
    message: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)
