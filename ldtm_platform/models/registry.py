"""The model families there are, by name; a new one is one line here."""

from ldtm_platform.models.base import ModelFamily
from ldtm_platform.models.persistence import Persistence

# Whose champions make the daily snapshots; other families stand beside it in the ledger.
CHAMPION_FAMILY = "ldtm"
FAMILIES: tuple[str, ...] = ("ldtm", Persistence.name)


class UnknownFamily(ValueError):
    """No model family has that name."""


def model_family(name: str) -> ModelFamily:
    """The family of that name with its standard configuration. Raises UnknownFamily."""
    if name == Persistence.name:
        return Persistence()
    if name == "ldtm":
        # Imports torch, which takes a second that "tomorrow is today" need not wait for.
        from ldtm_platform.models.ldtm.family import Ldtm

        return Ldtm()
    raise UnknownFamily(f"no model family {name!r}: there are {', '.join(FAMILIES)}")
