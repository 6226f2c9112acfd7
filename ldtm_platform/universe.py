"""The tickers that are forecast and their groups, read from a TOML file that the user edits."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ldtm_platform.renames import Rename, RenameError, renames_in

DEFAULT_UNIVERSE = Path(__file__).with_name("universe.toml")
# Stands wherever past sessions are summed up.
SURVIVORSHIP = (
    "Past sessions too are those of today's list of tickers: who has left it since is missing, and survivors flatter."
)


class UniverseError(ValueError):
    """The universe file, or a selection from it, cannot be used; the message says what to edit."""


@dataclass(frozen=True)
class Universe:
    """Tickers in alphabetical order, the one sector group of each, every group by name, and symbol changes."""

    sector_of: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    renames: tuple[Rename, ...] = ()

    @property
    def tickers(self) -> tuple[str, ...]:
        """All tickers, alphabetically: the order of the partitions."""
        return tuple(sorted(self.sector_of))

    def group(self, name: str) -> tuple[str, ...]:
        """The tickers of one group; UniverseError names the groups that exist."""
        if name not in self.groups:
            raise UniverseError(f"no group {name!r} in the universe: it has {', '.join(sorted(self.groups))}")
        return self.groups[name]

    def known(self, tickers: Iterable[str]) -> tuple[str, ...]:
        """The tickers in upper case and alphabetical order; UniverseError names those that the file does not list."""
        wanted = sorted({ticker.upper() for ticker in tickers})
        unknown = [ticker for ticker in wanted if ticker not in self.sector_of]
        if unknown:
            raise UniverseError(
                f"not in the universe: {', '.join(unknown)}. Add to a group of the universe file first."
            )
        return tuple(wanted)


def load_universe(path: Path = DEFAULT_UNIVERSE) -> Universe:
    """The universe in a TOML file: tables [sectors] and [overlapping] (group = list of tickers), [aliases] (renames).

    Raises UniverseError when the file is missing or malformed, when a ticker stands in two sectors, when an overlapping
    group names a ticker that no sector has, or when a former name is a ticker too.
    """
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UniverseError(f"no universe file at {path}: set LDTM_UNIVERSE, or unset it for the default") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UniverseError(f"the universe file {path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UniverseError(f"{path} is no valid TOML: {error}") from None
    sectors = _groups(document, "sectors", path)
    overlapping = _groups(document, "overlapping", path)
    counts = Counter(ticker for tickers in sectors.values() for ticker in tickers)
    if not counts:
        raise UniverseError(f"{path}: [sectors] lists no ticker")
    if repeated := sorted(ticker for ticker, count in counts.items() if count > 1):
        raise UniverseError(f"{path}: in more than one sector group: {', '.join(repeated)}")
    if strangers := sorted({ticker for tickers in overlapping.values() for ticker in tickers} - set(counts)):
        raise UniverseError(f"{path}: in an overlapping group but in no sector: {', '.join(strangers)}")
    sector_of = {ticker: sector for sector, tickers in sectors.items() for ticker in tickers}
    try:
        renames = renames_in(document.get("aliases", {}))
    except RenameError as error:
        raise UniverseError(f"{path}: [aliases]: {error}") from None
    of_tickers = tuple(rename for rename in renames if rename.current in counts)
    if kept := sorted(rename.old for rename in renames if rename.old in counts):
        raise UniverseError(f"{path}: both a ticker and a former name of one: {', '.join(kept)}. Keep the present name")
    return Universe(sector_of=sector_of, groups={**sectors, **overlapping}, renames=of_tickers)


def _groups(document: Mapping[str, object], table: str, path: Path) -> dict[str, tuple[str, ...]]:
    groups = document.get(table, {})
    if not isinstance(groups, dict):
        raise UniverseError(f"{path}: [{table}] must be a table of group = [tickers]")
    for name, tickers in groups.items():
        if not isinstance(tickers, list) or not all(isinstance(t, str) and t and t == t.upper() for t in tickers):
            raise UniverseError(f"{path}: group {name!r} must be a list of tickers in upper case")
    return {name: tuple(sorted(tickers)) for name, tickers in groups.items()}
