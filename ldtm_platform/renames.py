"""Symbol changes: under which name a ticker was known when. Data of the universe file, one line each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date


class RenameError(ValueError):
    """A line of the table of symbol changes cannot be used; the message says which."""


@dataclass(frozen=True)
class Rename:
    """A ticker's name changed: from session `on` it is `new`. current: what it is called today, after later changes."""

    old: str
    new: str
    on: date
    current: str


@dataclass(frozen=True)
class FormerName:
    """A ticker was called so in the half-open range [since, until)."""

    name: str
    since: date
    until: date


def renames_in(table: object) -> tuple[Rename, ...]:
    """The lines `FB = { to = "META", on = 2022-06-09 }` of a parsed TOML table, by date. Raises RenameError."""
    if not isinstance(table, dict):
        raise RenameError('must be a table of OLD = { to = "NEW", on = DATE }')
    steps = {old: _step(old, told) for old, told in table.items()}
    found = [Rename(old, new, on, _today(old, steps)) for old, (new, on) in steps.items()]
    return tuple(sorted(found, key=lambda rename: (rename.on, rename.old)))


def former_names(renames: Sequence[Rename]) -> dict[str, tuple[FormerName, ...]]:
    """Of each present ticker, the names that it had, oldest first."""
    found: dict[str, tuple[FormerName, ...]] = {}
    for rename in renames:
        before = found.get(rename.current, ())
        since = before[-1].until if before else date.min
        found[rename.current] = (*before, FormerName(rename.old, since, rename.on))
    return found


def _step(old: object, told: object) -> tuple[str, date]:
    to, on = (told.get("to"), told.get("on")) if isinstance(told, dict) else (None, None)
    named = all(isinstance(name, str) and name and name == name.upper() for name in (old, to))
    if not named or type(on) is not date or old == to:
        raise RenameError(f'{old} must be written like FB = {{ to = "META", on = 2022-06-09 }}, in upper case')
    return str(to), on


def _today(old: str, steps: Mapping[str, tuple[str, date]]) -> str:
    name, seen, last = old, [old], date.min
    while name in steps:
        name, on = steps[name]
        if name in seen:
            raise RenameError(f"{' to '.join([*seen, name])} leads in a circle")
        if on < last:
            raise RenameError(f"{seen[-1]} was given up on {on}, before it was taken on {last}")
        seen.append(name)
        last = on
    return name
