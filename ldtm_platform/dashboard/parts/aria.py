"""Attributes whose names Python does not take as keywords, for dash's typed components."""

from typing import Any


def aria(**attributes: str) -> Any:  # noqa: ANN401
    """`aria(label="Pages")` as keyword arguments: `**{"aria-label": "Pages"}`."""
    return {f"aria-{name}": value for name, value in attributes.items()}


def data(**attributes: str) -> Any:  # noqa: ANN401
    """The same for data-*: `data(file="a.csv")`."""
    return {f"data-{name}": value for name, value in attributes.items()}
