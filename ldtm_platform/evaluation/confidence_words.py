"""A confidence score in one sentence, with the parts that made it."""

from collections.abc import Mapping
from typing import Any

from ldtm_platform.evaluation.confidence import MIN_EVIDENCE, STEPS

_FORECAST_OF = {"next_day": "the next day", "next_monday": "next Monday", "one_month": "one month ahead"}


def confidence_sentence(row: Mapping[str, Any]) -> str:
    """What the score of one forecast rests on. row: the columns of ldtm_confidence, as reads.confidence gives them."""
    of = _FORECAST_OF[row["horizon"]]
    steps = STEPS[row["horizon"]]
    counted = f"{row['evaluated']} evaluated forecasts"
    if steps > 1:
        counted += f", which overlap and count as {row['evidence']:.1f}"
    if row["score"] is None:
        return f"Not enough evidence for {of}: {counted}; {MIN_EVIDENCE} are needed."
    parts = ", ".join((_direction(row), _error(row), _move(row)))
    return f"Confidence {row['score']:.0f} of 100 for {of}, from {counted}: {parts}."


def record_words(row: Mapping[str, Any]) -> str:
    """The record alone, without score and forecast. row: hits to promises as above, or their medians over tickers."""
    held = "no interval has come to the test"
    if row["coverage"] is not None:
        held = f"80 % interval held in {100 * row['coverage']:.0f} % of {row['promises']:.0f}"
    return ", ".join((_direction(row), _error(row), held))


def _direction(row: Mapping[str, Any]) -> str:
    if not row["directions"]:
        return "no direction to compare"
    share = row["hits"] / row["directions"]
    return (
        f"direction right in {row['hits']:.0f} of {row['directions']:.0f} ({100 * share:.1f} %; 95 % interval "
        f"{100 * row['wilson_low']:.0f} to {100 * row['wilson_high']:.0f} %; the commoner direction alone "
        f"{100 * row['base_rate']:.1f} %)"
    )


def _error(row: Mapping[str, Any]) -> str:
    if row["rel_mae"] is None:
        return "no error to compare"
    return f"error {row['rel_mae']:.3f} times that of tomorrow-is-today"


def _move(row: Mapping[str, Any]) -> str:
    if row["half_width"] is None:
        return "the forecast move cannot be compared with past errors"
    held = f", which held in {100 * row['coverage']:.0f} % of {row['promises']}" if row["coverage"] is not None else ""
    return (
        f"the forecast move is {row['strength']:.2f} of the 80 % error interval "
        f"(±{100 * row['half_width']:.1f} %{held})"
    )
