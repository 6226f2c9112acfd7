"""Whether two processes would do the same: by a fingerprint of the settings, and one of the code and the universe."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ldtm_platform.settings import Settings
from ldtm_platform.worker.messages import Question

PACKAGE = Path(__file__).parents[1]
SUFFIXES = (".py", ".toml", ".cpp", ".h")
# Where pages are served, who answers questions and who is alerted: no forecast is another by these.
INCIDENTAL = ("ui_", "dashboard_", "llm_", "alert_")


def settings_print(settings: Settings) -> str:
    """Equal where every setting is that a forecast may rest on; of passwords and keys only whether they are set."""
    incidental = {name for name in Settings.model_fields if name.startswith(INCIDENTAL)}
    return hashlib.sha256(settings.model_dump_json(exclude=incidental).encode()).hexdigest()


def code_print(universe: Path) -> str:
    """Changes when a file of the package, the universe or the set of installed packages does.

    By sizes and times of change: reading the files would take longer than a forecast.
    """
    digest = hashlib.sha256(f"{sys.prefix}|{sys.version}|".encode())
    for path in _files(universe):
        try:
            found = path.stat()
        except FileNotFoundError:  # Removed since it was listed, or a link to nothing, which is how Emacs locks a file.
            continue
        digest.update(f"{path}|{found.st_size}|{found.st_mtime_ns}|".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Terms:
    """What a worker was started with, which decides whom it can answer: both prints, and where the universe is."""

    settings: str
    code: str
    universe: Path

    def are_current(self) -> bool:
        """Whether code and universe are still those that the worker has loaded."""
        return code_print(self.universe) == self.code

    def refusal(self, question: Question) -> str | None:
        """Why a question is left to whoever asks; None for one that is answered."""
        if question.code != self.code:
            return "the code or the universe has changed since the worker was started"
        return None if question.settings == self.settings else "the settings are not those that the worker has"


def _files(universe: Path) -> Iterator[Path]:
    yield from sorted(path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES)
    # A folder's time changes when an entry is added or removed: packages come with a folder named after their version.
    yield from (path for entry in sys.path if (path := Path(entry)).name == "site-packages" and path.is_dir())
    if universe.is_file():
        yield universe
