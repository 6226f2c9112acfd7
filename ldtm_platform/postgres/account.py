"""The system account that the embedded server runs as: PostgreSQL refuses to run as root.

An ordinary user's server runs as that user; root's runs as the owner of an existing cluster, else as
`postgres` or `nobody`.
"""

import os
import pwd
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ldtm_platform.postgres.errors import PostgresUnavailable


@dataclass(frozen=True)
class Account:
    """A user and primary group; `is_other` when commands have to change to it first."""

    uid: int
    gid: int
    is_other: bool

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program as this account; its output is captured, its failure left to the caller to read."""
        # The caller's PGDATA, PGPORT or PGSSLMODE belong to another server of theirs.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # The caller's working directory may be one that this account cannot enter.
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env=environment,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def reaches(self, folder: Path) -> bool:
        """Whether this account may enter the folder, which exists: every folder above it grants it passage."""
        return all(self._may_enter(part) for part in (folder, *folder.parents))

    def _may_enter(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            bit = stat.S_IXUSR
        elif status.st_gid == self.gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        return bool(status.st_mode & bit)

    def own(self, path: Path, mode: int) -> None:
        """Give the path to this account, with the mode."""
        path.chmod(mode)
        if self.is_other:
            os.chown(path, self.uid, self.gid)


def server_account(data: Path) -> Account:
    """The account for the server of a data folder, which need not exist yet. Raises PostgresUnavailable."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_other=False)
    if (data / "PG_VERSION").exists():
        owner = data.stat()
        return Account(owner.st_uid, owner.st_gid, is_other=True)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid, is_other=True)
    raise PostgresUnavailable(
        "PostgreSQL refuses to run as root, and this system has neither an account `postgres` nor `nobody` to run it "
        "as: start this as an ordinary user"
    )


def give_to_owner_of(folder: Path, path: Path) -> None:
    """Leave a file that root made to the owner of the folder, who could not open it otherwise."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
