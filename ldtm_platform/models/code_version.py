"""Which code made a model: the package's version and a hash of the sources that determine a model's numbers."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
DETERMINING = ("features", "models", "evaluation", "fleet", "prices/adjust.py", "horizons.py", "sessions.py")


@cache
def code_version() -> str:
    """For instance 0.1.0+3f9a1c20; equal sources give equal versions, on any machine."""
    digest = hashlib.sha256()
    for part in DETERMINING:
        path = PACKAGE / part
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.relative_to(PACKAGE).as_posix().encode())
            digest.update(source.read_bytes())
    return f"{version('ldtm_platform')}+{digest.hexdigest()[:8]}"
