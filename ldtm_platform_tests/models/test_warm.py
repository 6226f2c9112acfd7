"""Warm models: each version is loaded once, and memory is bounded."""

import pytest

from ldtm_platform.models.base import Model
from ldtm_platform.models.persistence import Persistence
from ldtm_platform.models.store import CheckpointDamaged
from ldtm_platform.models.warm import WarmModels


def test_a_version_is_loaded_once_and_the_one_unused_for_longest_is_let_go() -> None:
    loaded: list[str] = []

    def load(version: str) -> Model:
        loaded.append(version)
        return Persistence()

    warm = WarmModels(limit=2)
    first = warm.get("a", load)
    for version in ("b", "a", "c", "a"):
        warm.get(version, load)
    assert loaded == ["a", "b", "c"]
    assert warm.get("a", load) is first
    assert len(warm) == 2
    warm.get("b", load)
    assert loaded == ["a", "b", "c", "b"]


def test_a_version_that_cannot_be_loaded_is_asked_for_again() -> None:
    def damaged(version: str) -> Model:
        raise CheckpointDamaged(version)

    warm = WarmModels()
    with pytest.raises(CheckpointDamaged):
        warm.get("a", damaged)
    assert len(warm) == 0
    warm.get("a", lambda _: Persistence())
    assert len(warm) == 1
