"""Which code made a model: the package's version and a hash of the sources that determine a model's numbers."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
SUFFIXES = {".py", ".cpp", ".h"}
DETERMINING = ("features", "models", "evaluation", "fleet", "prices/adjust.py", "horizons.py", "sessions.py")


@cache
def code_version() -> str:
    """For instance 0.1.0+3f9a1c20; equal sources give equal versions, on any machine."""
    digest = hashlib.sha256()
    for part in DETERMINING:
        path = PACKAGE / part
        found = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES)
        for source in found:
            digest.update(source.relative_to(PACKAGE).as_posix().encode())
            digest.update(source.read_bytes())
    return f"{version('ldtm_platform')}+{digest.hexdigest()[:8]}"
